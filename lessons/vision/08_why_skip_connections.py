# ---
# handson:
#   title: Why skip connections
#   promise: Two networks of 20 layers, alike but for two characters; one learns nothing, and you see where it dies.
#   minutes: 12
#   cpu_seconds: 230
#   memory_mb: 1500
#   threads: 1
#   target:
#     full: [accuracy_gap >= 0.15, accuracy_gap_normalized >= 0.05, accuracy_residual >= 0.3, gradient_digits >= 5, cpu_seconds_both <= 90]
#     embedded: [accuracy_gap >= 0.4, accuracy_residual >= 0.5, gradient_digits >= 5, cpu_seconds_both <= 60]
#   picture: why_skip_connections.png
#   picture_alt: Two heat maps of gradients, 20 layers by training step. The plain network's is dark, ever darker toward the first layer; the residual network's is bright everywhere. Beside them two loss curves, one flat, one falling.
#   assets: [cifar10]
#   tiers: [laptop, room, image]
#   agenda: [120]
#   author: The handson maintainers
#   covers:
#     - I can say what a skip connection is, and wrote one.
#     - I can look at the gradient of every layer, and see from it why a deep network does not learn.
#     - I measured what batch normalization mends, and what the skip adds on top.
# ---

# %% [markdown]
# # Why skip connections
#
# {{picture}}
#
# Two networks of 20 layers look at the same pictures. One gets {{full.accuracy_plain:.0%}} of CIFAR-10's test pictures right, no better than guessing; the other
# {{full.accuracy_residual:.0%}}, after the same steps. They differ in `+ x`. In twelve minutes you will have written it, and seen what it does to every layer.

# %% [markdown] tags=["notes"]
# **One breath.** "A deep network is a game of telephone: the message on how to improve is passed back through 20 layers, and each makes it
# fainter. The skip is a line past each of them."
#
# **What people ask.** *So plain deep networks never train?* They do, with care: a better start (He et al. 2015) or batch normalization, which we measure at the
# end. ResNet's point was that beyond that, at 56 layers, plain ones get worse even on the training set. We show 20 without help, because it fits into a minute.
# *Why is the accuracy so low?* Seconds of training on 6,000 photos; the same design reaches above 90 % with all photos and hours.
#
# **Where they get stuck.** The place of the `+ x`: before the last ReLU, so that x itself comes through.
#
# **When time runs.** Leave out the cells on batch normalization; tell its two figures.

# %%
import torch
from torch import nn
from torch.nn import functional as F

from handson import lab

torch.manual_seed(lab.seed())
lab.begin()

# %%
data = lab.cifar10()
some = list(data.train_images[:20])
names = [data.names[label] for label in data.train_labels[:20].tolist()]
lab.show(some, names, columns=10, width=64, title="What they will look at")

# %%
def ready(images):
    """As the networks want them: (N, 32, 32, 3) of 0 to 255 → (N, 3, 16, 16)."""
    pixels = (images.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25
    return F.avg_pool2d(pixels, 2).contiguous(memory_format=torch.channels_last)


train_images, train_labels = ready(data.train_images), data.train_labels
test_images, test_labels = ready(data.test_images), data.test_labels
print(tuple(train_images.shape))

# %% [markdown]
# ## One idea
#
# A **block** of a plain network changes its input: out comes `change(x)`. A **residual** block keeps its input and adds a change: out comes
# `x + change(x)`. The `+ x` is the **skip connection**. If a block has nothing to say, it can answer zero, and x goes by unharmed.

# %%
def plain(x, change):
    """What comes out of a plain block; `change` is two convolutions."""
    return F.relu(change(x))


class Block(nn.Module):
    """Two convolutions, a ReLU between and one behind; `join` says how x and the change meet."""

    def __init__(self, channels, join, normalized):
        super().__init__()
        norm = nn.BatchNorm2d if normalized else nn.Identity
        self.change = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), norm(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1), norm(channels),
        )
        self.join = join

    def forward(self, x):
        return self.join(x, self.change)

# %% [markdown]
# ## Your turn: + x
#
# Write what a residual block gives: **x plus its change**, and the ReLU **last**, over the sum.

# %% tags=["check"]
# The check of the exercise below, with our own answer. Run it, read it later.
def residual_reference(x, change):
    return F.relu(x + change(x))


@lab.checker(reference=residual_reference)
def residual(answer):
    torch_state = torch.random.get_rng_state()
    torch.manual_seed(4)
    change = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1))
    x = torch.randn(2, 3, 6, 6)
    torch.random.set_rng_state(torch_state)
    calls = []
    given = x.clone()

    def counted(inputs):
        calls.append(inputs)
        return change(inputs)

    with torch.no_grad():
        found, made = answer(given, counted), change(x)
        lab.expect(found is not None, "It returns nothing. The next block needs what comes out: `return …`.")
        lab.expect(isinstance(found, torch.Tensor), f"It returns {type(found).__name__}, not a tensor.")
        lab.expect(torch.equal(given, x), "It changes x itself (`x += …` does). Others still need it: write x + …")
        lab.expect(calls, "It never calls `change`: then no block could learn anything.")
        lab.expect(found.shape == x.shape, f"What comes out has to have the shape of x, {tuple(x.shape)}; yours is {tuple(found.shape)}. Add, do not put side by side.")
        usual = {
            "That is the plain block: x has to be added to its change.": F.relu(made),
            "That multiplies. A product makes what is small smaller; a sum keeps x.": F.relu(made * x),
            "The ReLU has to come last, over the sum; you added x behind it.": F.relu(made) + x,
            "x is added twice, before and after the ReLU.": F.relu(made + x) + x,
            "The sum is right, but the ReLU behind it is missing.": made + x,
            "The ReLU goes over the sum, not over x alone.": made + F.relu(x),
            "Both are cut by a ReLU before they are added. First add, then one ReLU.": F.relu(made) + F.relu(x),
            "That subtracts. Out comes x *plus* its change.": F.relu(x - made),
            "The change minus x: out comes x *plus* its change.": F.relu(made - x),
            "That is the change of x + x. Add x to what comes out of `change`, not to what goes in.": F.relu(change(x + x)),
            "That is the mean of the two; add them.": F.relu((made + x) / 2),
            "It gives x as it is: where is the change?": F.relu(x),
        }
        for message, wrong in usual.items():
            lab.expect(not torch.allclose(found, wrong, atol=1e-5), message)
        nothing = answer(x.abs(), torch.zeros_like)
        lab.expect(torch.allclose(nothing, x.abs(), atol=1e-6), "When `change` answers zero, a positive x has to come out as it went in. Yours does not.")
        lab.expect(torch.allclose(found, residual_reference(x, change), atol=1e-5), "The shape is right, the numbers are not: ReLU of (x + change(x)).")


# %% tags=["exercise"]
def residual(x, change):
    """What comes out of a residual block: the same shape as x."""
    # --- solution
    return F.relu(x + change(x))
    # --- stub
    # return F.relu(change(x))     # this is the plain one
    # --- end


lab.check(residual)

# %% [markdown] tags=["hint"]
# `change(x)` is a tensor of the same shape as `x`. You can add the two.

# %% [markdown] tags=["hint"]
# First the sum, then `F.relu` over all of it.

# %% [markdown] tags=["hint"]
# Return `F.relu(x + change(x))`.

# %% [markdown]
# ## Twenty layers
#
# One convolution, nine blocks of two, one weighted sum at the end. The picture is halved twice on the way. Both networks have exactly
# as many parameters.

# %%
def network(join, channels=24, normalized=False):
    layers = [nn.Conv2d(3, channels, 3, padding=1), nn.ReLU()]
    for stage in range(3):
        layers += [nn.AvgPool2d(2)] if stage else []
        layers += [Block(channels, join, normalized) for _ in range(3)]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def layers_of(net):
    return [part for part in net.modules() if isinstance(part, (nn.Conv2d, nn.Linear))]


for join in (plain, lab.use("residual")):
    net = network(join)
    size = sum(p.numel() for p in net.parameters())
    print(f"{len(layers_of(net))} layers, {size:,} parameters")

# %% [markdown]
# ## Both at once
#
# They see the same pictures at the same step. Every tenth step we note the **gradient** of each layer: how strongly the loss tells its weights to
# change.
#
# **What do you expect?** Which is ahead after 50 steps, and by how much? Say it aloud.

# %%
def gradients(net):
    """How large the gradient of each layer's weights is: the root of the mean square."""
    return torch.stack([part.weight.grad.square().mean().sqrt() for part in layers_of(net)])

# %%
def train(nets, steps, title, rate=0.004, batch=64):
    """Train all on the same pictures; returns the view and the gradients of each."""
    optimizers = {name: torch.optim.Adam(net.parameters(), rate) for name, net in nets.items()}
    schedules = [torch.optim.lr_scheduler.OneCycleLR(each, rate, total_steps=steps)
                 for each in optimizers.values()]
    seen = {name: [] for name in nets}
    live = lab.Live(steps, seconds=150, title=title, y_label="loss")
    for step in live:
        some = torch.randint(len(train_images), (batch,))
        for name, net in nets.items():
            loss = F.cross_entropy(net(train_images[some]), train_labels[some])
            optimizers[name].zero_grad()
            loss.backward()
            if step % 10 == 0:
                seen[name].append(gradients(net))
            optimizers[name].step()
            live.log(**{f"{name}_loss": loss})
        for schedule in schedules:
            schedule.step()
    return live, {name: torch.stack(rows, dim=1) for name, rows in seen.items()}

# %%
@torch.no_grad()
def accuracy_of(net):
    """The share of the test pictures, never trained on, that the network gets right."""
    net.eval()
    return (net(test_images).argmax(1) == test_labels).float().mean().item()


residual = lab.use("residual")
torch.manual_seed(lab.seed())
nets = {"plain": network(plain), "residual": network(residual)}
nets["residual"].load_state_dict(nets["plain"].state_dict())     # the same start
steps = lab.pace(400 if data.full else 200)
rate = 0.004 if data.full else 0.002      # the small digits want smaller steps
live, seen = train(nets, steps, "Two networks of 20 layers", rate)

# %%
accuracy = {name: accuracy_of(net) for name, net in nets.items()}
lab.report(accuracy_plain=accuracy["plain"], accuracy_residual=accuracy["residual"])
lab.report(accuracy_gap=accuracy["residual"] - accuracy["plain"], cpu_seconds_both=live.cpu_seconds)
lab.bars(accuracy, percent=True, title="Right, of the test pictures", highlight="residual")

# %% [markdown]
# The plain one guesses. Why? Look at what reaches its layers. Both maps have the same colors; from one number of the scale
# to the next it is *a hundred times* more (1e-10 is 0.0000000001).

# %%
between = (1e-10, 1e-1)
maps = {}
for name, rows in seen.items():
    maps[name] = lab.shades(
        rows, between=between, x_end=steps, x_label="step", y_label="layer", color_label="gradient",
        title=f"{name}: accuracy {accuracy[name]:.0%}",
        alt=f"Gradients of the {name} network, 20 layers by {steps} steps.",
    )
    lab.show(maps[name])

# %%
first = {name: rows[0, 0].item() for name, rows in seen.items()}
print(f"The first layer's gradient at the first step: plain {first['plain']:.0e}, residual {first['residual']:.0e}")
lab.report(gradient_digits=torch.tensor(first["residual"] / first["plain"]).log10())

# %% [markdown]
# The loss speaks to the last layer, that one to the one before, and so on: each passes on what it got *times* its own weights.
# From layer 20 to layer 1 that is nineteen small factors: they make nothing. With `+ x`, each passes on what it got *plus* that product: one factor of about 1.

# %%
for factor in (0.3, 0.9, 1.0, 1.1):
    print(f"{factor} to the power of 19: {factor ** 19:10.1e}")

# %% [markdown]
# ## Turn a knob: batch normalization
#
# Honestly: there is another way. **Batch normalization** (2015) rescales the numbers between the layers at each step, so the factors stay near 1
# without a skip. **What do you expect:** does the plain network catch up?

# %%
torch.manual_seed(lab.seed())
helped = {"plain": network(plain, normalized=True), "residual": network(residual, normalized=True)}
helped["residual"].load_state_dict(helped["plain"].state_dict())
_, seen_helped = train(helped, steps, "The same, with batch normalization")
for name, net in helped.items():
    accuracy[f"{name}, normalized"] = accuracy_of(net)
lab.bars(accuracy, percent=True, title="Right, of the test pictures", highlight="residual, normalized")

# %% [markdown]
# Measured on CIFAR-10: plain {{full.accuracy_plain_normalized:.0%}}, residual {{full.accuracy_residual_normalized:.0%}}. It brings the plain network to life, and
# the skip adds its share. (With the small digits both come near 100 %.) Given more time, a plain one of 20 layers trains well; at 56 it falls behind (He et al. 2015). We did not measure 56.

# %%
lab.report(accuracy_plain_normalized=accuracy["plain, normalized"])
lab.report(accuracy_residual_normalized=accuracy["residual, normalized"])
lab.report(accuracy_gap_normalized=accuracy["residual, normalized"] - accuracy["plain, normalized"])

# %% [markdown]
# ## Your own photo
#
# Drop a photo of one of the ten things (with the small digits: of a digit), then run the next cell again. It was trained for seconds: expect it to be wrong often.

# %%
mine = lab.your_photo(lab.sample_photo("chelsea", 256), size=256)
best = max(helped.values(), key=accuracy_of)
with torch.no_grad():
    small = F.interpolate(mine.permute(2, 0, 1)[None], size=(32, 32), mode="area")
    answers = best(ready(small.permute(0, 2, 3, 1) * 255)).softmax(1)[0]
lab.show([mine, small[0].permute(1, 2, 0)], ["your photo", "as the network sees it, about"], width=200)
if not data.full:
    print("This network knows nothing but ten digits, and has to name one, whatever you show it.")
shares = [round(share, 3) for share in answers.tolist()]
lab.bars(dict(zip(data.names, shares, strict=True)), percent=True, title="What it says")

# %% [markdown]
# ## The picture
#
# The two maps and the two curves, for a slide.

# %%
def means(points, group=10):
    """The mean of every `group` points in a row."""
    chunks = [points[i:i + group] for i in range(0, len(points), group)]
    return [(sum(x for x, _ in chunk) / len(chunk), sum(y for _, y in chunk) / len(chunk)) for chunk in chunks]


losses = {name: means(live.history[f"{name}_loss"]) for name in nets}
curves = lab.plot(losses, x_label="step", title="loss of both", width=460, height=400)
stills = [lab.photo(figure.png(2), None) for figure in (*maps.values(), curves)]
alt = "Gradients by layer and step, plain (dark) and residual (bright), and both losses."
lab.save_picture("why_skip_connections.png", lab.images(stills, columns=3, width=480, alt=alt))

# %% [markdown]
# ## What you did
#
# - You wrote the skip connection, and trained two networks that differ in nothing else.
# - You saw a network die: the first layer's gradient was smaller by {{full.gradient_digits:.0f}} digits.
# - You measured what batch normalization mends. On photos, the skip still adds to it.
#
# **For the quick.** (1) At how many blocks does the plain network begin to fail: 1, 2, 4 a stage? (2) Start the plain one with `nn.init.kaiming_normal_` in every
# convolution: how much of the gap is left? (3) Start each block's second convolution at zero: does the residual network get faster?
#
# **Where next.** *The ugliest digits*: a network that draws a map.
#
# **Sources.** Skip connections: He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2015. Batch normalization: Ioffe, Szegedy, 2015. A start that
# keeps the factors at 1: He et al., *Delving deep into rectifiers*, 2015. The pictures: Krizhevsky, *Learning multiple layers of features from tiny images*, 2009.
