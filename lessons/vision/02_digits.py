# ---
# handson:
#   title: Digits
#   promise: You train three networks to read handwriting, each better than the last, and then they read yours.
#   minutes: 15
#   cpu_seconds: 60
#   memory_mb: 1400
#   target:
#     full: [accuracy >= 0.99, cpu_seconds_training <= 25, accuracy_hidden >= 0.965, accuracy_softmax >= 0.9]
#     page: [accuracy >= 0.98, cpu_seconds_training <= 40, accuracy_hidden >= 0.93, accuracy_softmax >= 0.88]
#     embedded: [accuracy >= 0.98, cpu_seconds_training <= 10, accuracy_softmax >= 0.9]
#   picture: digits.png
#   picture_alt: The 24 handwritten digits that the network found hardest, each with what it is and what the network said.
#   assets: [mnist]
#   tiers: [page, laptop, room, image]
#   agenda: [60, 120]
#   author: The handson maintainers
#   covers:
#     - I can say what logits, softmax and loss are, and I wrote the gradient that trains a network.
#     - I know what a convolution adds, because I measured it.
#     - I found a bug that raises no error, from the shape of a curve.
#     - I look at the worst mistakes before I believe an accuracy.
# ---

# %% [markdown]
# # Digits
#
# {{picture}}
#
# These are the digits that a network found hardest, out of 10,000 it had never seen. It read {{full.accuracy:.1%}} of them right,
# after {{full.cpu_seconds_training:.0f}} seconds of a laptop core's work. In fifteen minutes you will have trained it, and it
# will read your handwriting.

# %% [markdown] tags=["notes"]
# **One breath.** "Three networks, each one idea more: a weighted sum, a layer in between, a window that slides. We watch the
# errors fall from one in ten to one in a hundred."
#
# **What people ask.** *Why is it wrong on my drawing?* MNIST was written by Americans in 1990: a 1 with a foot, a 7 with a bar are
# rare in it. *Is 99 % good?* For a postal code of five digits it means one letter in twenty goes astray.
#
# **Where they get stuck.** The gradient: subtract 1 at one place per row, and divide by the number of rows. The bug: they look for
# something wrong, and it is something missing.
#
# **When time runs.** Leave out the hidden layer (two cells); the bars then show two networks.

# %%
import torch
from torch import nn
from torch.nn import functional as F

from handson import lab

torch.manual_seed(lab.seed())
lab.begin()

# %%
data = lab.digits()
some, names = data.train_images[:20], data.train_labels[:20].tolist()
lab.show(list(some), names, columns=10, width=64, title="Somebody wrote these")

# %% [markdown]
# ## One idea
#
# A digit is 28 × 28 numbers: how much ink is where. A network turns them into ten scores, the **logits**; **softmax** turns
# scores into probabilities that add up to 1.
#
# The **loss** is −log of the right digit's probability: 0.1 if that was 0.9, but 2.3 if it was 0.1.

# %%
def ready(images):
    """Ink from 0 to 1, of the middle 24 × 24 pixels: (N, 28, 28) → (N, 1, 24, 24)."""
    return images[:, None, 2:26, 2:26].float() / 255


train_images, train_labels = data.train_images, data.train_labels
test_images, test_labels = ready(data.test_images), data.test_labels
batch = 256 if data.full else 64          # how many images are looked at for one step
many = len(train_images) > 20_000         # of fewer, each is looked at more often


def batches(epochs):
    """Handfuls of images in random order; an epoch is once through them all."""
    for _ in range(epochs):
        for some in torch.randperm(len(train_images)).split(batch):
            if len(some) == batch:
                yield ready(train_images[some]), train_labels[some]

# %% [markdown]
# ## Your turn: which way is down?
#
# To make the loss smaller we need its **gradient**: for every logit, how much the loss grows when that logit grows. For softmax it is
# surprisingly short:
#
# > probability − (1 for the right digit, 0 for the others)
#
# and because the loss is a mean over the images, divided by their number.

# %% tags=["check"]
# The check of the exercise below, with our own answer. Run it, read it later.
def softmax_gradient_reference(logits, labels):
    gradient = logits.softmax(dim=1)
    gradient[torch.arange(len(labels)), labels] -= 1
    return gradient / len(labels)


def gradient_by_trying(logits, labels, nudge=1e-5):
    """Move each logit a little, up and down, and see what the loss does: finite differences."""
    gradient = torch.zeros_like(logits)
    for place in range(logits.numel()):
        up, down = logits.clone(), logits.clone()
        up.view(-1)[place] += nudge
        down.view(-1)[place] -= nudge
        gradient.view(-1)[place] = (F.cross_entropy(up, labels) - F.cross_entropy(down, labels)) / (2 * nudge)
    return gradient


@lab.checker(reference=softmax_gradient_reference)
def softmax_gradient(answer):
    dice = torch.Generator().manual_seed(3)
    for count in (4, 1, 7):
        logits = torch.randn(count, 10, generator=dice, dtype=torch.float64)
        labels = torch.randint(10, (count,), generator=dice)
        given = logits.clone()
        found = answer(given, labels)
        lab.expect(isinstance(found, torch.Tensor), f"It returns {type(found).__name__}. It has to `return` the gradient, a tensor.")
        lab.expect(found.shape == logits.shape, f"The gradient has a number for every logit: {tuple(logits.shape)}. Yours is {tuple(found.shape)}.")
        lab.expect(torch.equal(given, logits), "It changes the logits themselves. `logits.softmax(dim=1)` makes a new tensor to work on.")
        probability, truth = logits.softmax(1), F.one_hot(labels, 10).double()
        usual = {
            "Everywhere 0: the logits would never move. Start from the probabilities, `logits.softmax(dim=1)`.": 0 * logits,
            "Those are the probabilities. Now subtract 1 at the right digit of each row, and divide by the number of rows.": probability,
            "Almost. Now subtract 1 at the right digit of each row.": probability / count,
            "Almost: the loss is a mean over the images, so divide by their number, len(labels).": probability - truth,
            "The sign is turned around: this way the loss would grow. It is probability − truth.": (truth - probability) / count,
            "Softmax has to add up to 1 for each image, along a row: dim=1, not dim=0.": (logits.softmax(0) - truth) / count,
            "`gradient[:, labels] -= 1` changes whole columns. One place in each row: gradient[torch.arange(len(labels)), labels].":
                (probability - truth.amax(0)) / count,
            "Divided by 10, the number of digits. Divide by the number of images, len(labels).": (probability - truth) / 10,
        }
        right = gradient_by_trying(logits, labels)
        for message, wrong in usual.items():
            if not torch.allclose(wrong, right, atol=1e-6):
                lab.expect(not torch.allclose(found.double(), wrong, atol=1e-6), message)
        off = (found - right).abs().max()
        lab.expect(off < 1e-6, f"We moved each logit a little and measured the loss: somewhere your gradient is off by {off:.2g}.")

# %% tags=["exercise"]
def softmax_gradient(logits, labels):
    """How much the mean loss grows with each logit. logits (N, 10), labels (N)."""
    # --- solution
    gradient = logits.softmax(dim=1)
    gradient[torch.arange(len(labels)), labels] -= 1
    return gradient / len(labels)
    # --- stub
    # gradient = torch.zeros_like(logits)
    # # your two or three lines
    # return gradient
    # --- end


lab.check(softmax_gradient)

# %% [markdown] tags=["hint"]
# The probabilities are `logits.softmax(dim=1)`: a new tensor, one row for each image, and each row adds up to 1.

# %% [markdown] tags=["hint"]
# The place of the right digit in every row at once: `gradient[torch.arange(len(labels)), labels]`. You can write `-= 1` behind it.

# %% [markdown] tags=["hint"]
# Take the probabilities as `gradient`, subtract 1 at those places, and return `gradient / len(labels)`.

# %% [markdown]
# ## First network: a weighted sum
#
# Ten sums over all pixels, one for each digit, each with its own **weights**. You wrote the gradient for the logits; for the weights, multiply
# by the pixels. No library does anything for us here.

# %%
softmax_gradient = lab.use("softmax_gradient")
weights, bias = torch.zeros(576, 10), torch.zeros(10)
epochs = 1 if many else 8
pairs = batches(epochs)

steps = epochs * (len(train_images) // batch)
live = lab.Live(steps, seconds=20, title="A weighted sum", y_label="loss")
for _ in live:
    images, labels = next(pairs)
    pixels = images.flatten(1)
    logits = pixels @ weights + bias
    gradient = softmax_gradient(logits, labels)
    weights -= 0.3 * pixels.T @ gradient          # a step downhill, for every weight
    bias -= 0.3 * gradient.sum(0)
    live.log(loss=F.cross_entropy(logits, labels))

right = (test_images.flatten(1) @ weights + bias).argmax(1) == test_labels
accuracy_softmax = right.float().mean().item()
lab.report(accuracy_softmax=accuracy_softmax)

# %% [markdown]
# What did it learn? Each digit has 576 weights: we can look at them as a picture. Bright: ink here speaks for the digit. Dark: it speaks against.

# %%
templates = weights.T.reshape(10, 24, 24)
templates = 0.5 + templates / (2 * templates.abs().amax(dim=(1, 2), keepdim=True))
lab.show(list(templates), captions=list(range(10)), title="Ten templates", columns=5)

# %% [markdown]
# ## Somebody's training step
#
# A template cannot know that a 7 may lean. A network with a **layer in between** can look for parts first. From here on PyTorch finds the
# gradients (`backward`), and an **optimizer** makes the step.
#
# Somebody has written the step for us. It runs, and no error comes. Watch the curve: would you trust it?

# %%
def somebodys_step(network, optimizer, images, labels):
    loss = F.cross_entropy(network(images), labels)
    loss.backward()
    optimizer.step()
    return loss

# %%
def train(network, step, epochs, title, rate=0.01):
    """Train `network` and show it; `step` makes one step on one handful of images."""
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    steps = epochs * (len(train_images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(    # small steps, large, small
        optimizer, rate, total_steps=steps)
    live = lab.Live(steps, seconds=45, title=title, y_label="loss")
    pairs = batches(epochs)
    network.train()
    for _ in live:
        live.log(loss=step(network, optimizer, *next(pairs)))
        schedule.step()
    network.eval()
    return live

# %%
def hidden_network():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(576, 128),      # 128 sums of the pixels,
        nn.ReLU(),                              # those below zero are set to zero,
        nn.Linear(128, 10),                     # and the digits are sums of these
    )

# %%
@torch.no_grad()
def test_logits(network):
    return torch.cat([network(images) for images in test_images.split(1000)])


def accuracy_of(network):
    """The share of the test digits, never trained on, that the network reads right."""
    return (test_logits(network).argmax(1) == test_labels).float().mean().item()


torch.manual_seed(lab.seed())
suspect = hidden_network()
epochs = 1 if many else 8
train(suspect, somebodys_step, epochs, title="With somebody's step", rate=0.001)
lab.report(accuracy_with_bug=accuracy_of(suspect))

# %% [markdown]
# ## Your turn: the silent bug
#
# The loss falls, then climbs again. And yet the network reads most digits: one could believe that it knows no better, and
# that makes such bugs expensive: with the step mended, the same training reads more than nine of ten.
#
# Something is **missing**. It has to do with what `backward()` leaves behind.

# %% tags=["check"]
# The check of the exercise below, with our own answer. Run it, read it later.
def step_reference(network, optimizer, images, labels):
    loss = F.cross_entropy(network(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def weights_after(step, handfuls, rate=0.1):
    """The weights of a small network after one step on each handful."""
    network = nn.Linear(4, 3).double()
    with torch.no_grad():
        network.weight.copy_(torch.linspace(-1, 1, 12).reshape(3, 4))
        network.bias.zero_()
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)
    trail, losses = [], []
    for images, labels in handfuls:
        loss = step(network, optimizer, images, labels)
        losses.append(loss.item() if isinstance(loss, torch.Tensor) else loss)
        trail.append(network.weight.detach().clone())
    return trail, losses


@lab.checker(reference=step_reference)
def step(answer):
    dice = torch.Generator().manual_seed(5)
    handfuls = [(torch.randn(6, 4, generator=dice, dtype=torch.float64), torch.randint(3, (6,), generator=dice)) for _ in range(4)]
    start = torch.linspace(-1, 1, 12).reshape(3, 4).double()
    (right, right_losses), (adding, _) = weights_after(step_reference, handfuls), weights_after(somebodys_step, handfuls)
    found, losses = weights_after(answer, handfuls)
    lab.expect(losses[0] is not None, "It returns nothing; the curve needs the loss. Keep `return loss`.")
    lab.expect(not torch.equal(found[0], start), "The weights do not move at all. Is there `optimizer.step()`, with the gradients of `backward()` still there?")
    lab.expect(
        not torch.allclose(found[-1], adding[-1]),
        "`backward()` adds its gradients to those that are there already. After four steps you go in the direction of all four. "
        "What clears them?",
    )
    lab.expect(torch.allclose(found[0], right[0]), "The very first step already goes elsewhere than `loss.backward()` and `optimizer.step()` lead.")
    lab.expect(torch.allclose(found[-1], right[-1]), "The first step is right, the later ones are not: each must go by its own gradients only.")
    lab.expect(all(abs(float(a) - float(b)) < 1e-6 for a, b in zip(losses, right_losses)), "The weights are right, but what is returned is not the loss of the step.")

# %% tags=["exercise"]
def step(network, optimizer, images, labels):
    """One step of training on one handful of images; returns its loss."""
    loss = F.cross_entropy(network(images), labels)
    # --- solution
    optimizer.zero_grad()
    # --- stub
    # # something is missing here
    # --- end
    loss.backward()
    optimizer.step()
    return loss


lab.check(step)

# %% [markdown] tags=["hint"]
# Every parameter has a place for its gradient, `.grad`. `backward()` adds to it. Who empties it?

# %% [markdown] tags=["hint"]
# The optimizer knows all parameters. `dir(optimizer)` lists what it can do.

# %% [markdown] tags=["hint"]
# `optimizer.zero_grad()` before `loss.backward()`.

# %% [markdown]
# ## Second network: a layer in between
#
# The same network as above, now with a step that works, and for longer.

# %%
step = lab.use("step")
torch.manual_seed(lab.seed())
hidden = hidden_network()
train(hidden, step, epochs=2 if many else 12, title="A layer in between")
lab.report(accuracy_hidden=accuracy_of(hidden))

# %% [markdown]
# ## Third network: a window that slides
#
# A **convolution** slides a small window over the picture and looks everywhere for an edge, a bend. `MaxPool` halves the
# picture and keeps what was found. `BatchNorm` keeps the numbers at a size that trains well.
#
# **What do you expect?** It has a third of the second network's parameters. Better or worse?

# %%
def convolutional_network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.BatchNorm2d(16), nn.ReLU(),   # 24 → 10
        nn.Conv2d(16, 32, 3), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU(),  # 10 → 4
        nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64), nn.ReLU(),                   # 4 → 2
        nn.Flatten(), nn.Linear(256, 10),
    ).to(memory_format=torch.channels_last)


for one in (hidden, convolutional_network()):
    print(f"{sum(p.numel() for p in one.parameters()):7,} parameters")

# %%
torch.manual_seed(lab.seed())
network = convolutional_network()
epochs = 2 if many else 12
live = train(network, step, epochs, title="A window that slides")
lab.report(accuracy=accuracy_of(network))
lab.report(cpu_seconds_training=live.cpu_seconds, seconds_training=live.seconds)

# %%
errors = {
    "weighted sum": 1 - accuracy_softmax,
    "layer in between": 1 - accuracy_of(hidden),
    "window that slides": 1 - accuracy_of(network),
}
lab.bars(errors, percent=True, title="Read wrong", highlight="window that slides")

# %% [markdown]
# ## Your own hand
#
# Draw a digit, large. The small square shows what the network gets to see.

# %%
@torch.no_grad()
def classify(image):
    return network(ready(image[None] * 255)).softmax(1)[0]


pad = lab.drawing_pad(classify)
pad

# %% [markdown]
# ## The picture: look at the worst
#
# An accuracy hides what went wrong. Sort the test digits by their loss and look. Would *you* have read them?

# %%
losses = F.cross_entropy(test_logits(network), test_labels, reduction="none")
hardest = losses.argsort(descending=True)[:24]
said = test_logits(network).argmax(1)
captions = [f"{test_labels[i]}, said {said[i]}" for i in hardest]
wrong = [place for place, i in enumerate(hardest) if said[i] != test_labels[i]]

digits = list(data.test_images[hardest])
framed = wrong if len(wrong) < 24 else None
title = "The hardest to read"
grid = lab.images(digits, captions, columns=8, title=title, highlight=framed)
lab.save_picture("digits.png", grid)

# %% [markdown]
# ## What you did
#
# - You met the gradient of softmax, and trained a network with it by hand.
# - You saw a bug that no error message tells, in a curve.
# - You measured what each idea is worth, and looked at the worst mistakes.
#
# **For the quick.** (1) Shift each training image by a pixel or two at random: does it help, or does it need more epochs? (2) Make the network
# half as large and stay above {{full.accuracy_hidden:.1%}}.
#
# **Sources.** MNIST: LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, 1998. Batch normalization: Ioffe,
# Szegedy, 2015. One-cycle schedule: Smith, Topin, 2018. Adam: Kingma, Ba, 2014.
