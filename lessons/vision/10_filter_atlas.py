# ---
# handson:
#   title: Filter atlas
#   promise: You paint what every unit of a layer looks for, all at once, and travel through the map of them.
#   minutes: 5
#   cpu_seconds: 90
#   memory_mb: 1500
#   target:
#     full: [units >= 256, share_louder >= 0.97, cpu_seconds_painting <= 40]
#     embedded: [units >= 192, share_louder >= 0.97, cpu_seconds_painting <= 50]
#   picture: filter_atlas.png
#   picture_alt: A map of small colored patterns, one for each unit of a layer, from calm ones at the top to fine ones below, cold colors left and warm ones right.
#   assets: [squeezenet-1.1]
#   tiers: [laptop, room, image]
#   agenda: []
#   author: The handson maintainers
#   covers:
#     - I can paint the favorite picture of many units of a network at once, by gradient ascent.
#     - I know why a unit that is silent cannot be painted after its ReLU, and can be before.
#     - I can put pictures in order by what I measure of them.
# ---

# %% [markdown]
# # Filter atlas
#
# {{picture}}
#
# Each of these {{full.units:.0f}} small pictures is what one unit of a network looks for, painted in {{full.cpu_seconds_painting:.0f}} seconds of a laptop core's work. In
# five minutes you have painted them all, and you can travel through them.

# %% [markdown] tags=["notes"]
# **One breath.** "A layer is a few hundred pattern seekers. We ask all of them at once: draw me what you like best."
#
# **What people ask.** *Are these real photos?* No photo is in them: they begin as gray noise. *Why so colorful?* Nothing tells the unit to be
# natural, only to be loud. *What does this unit mean?* Careful: a painting shows what excites it most, not all that it answers to.
#
# **Where they get stuck.** The exercise: `answers[:, units]` gives every picture all units. Each picture has *one*.
#
# **When time runs.** Leave out "Turn a knob".

# %%
import torch

from handson import lab
from handson.lab import zoo

lab.begin()
model = zoo.load("squeezenet-1.1", otherwise="cifar-robust")

# %%
# The last steps of a block, before what is negative is set to zero.
if model.card.name == "squeezenet-1.1":
    layers, size = ["fire4/expand1x1", "fire4/expand3x3"], 64
else:
    layers, size = ["conv6"], 48


def answers_of(pictures):
    """What every unit says to pictures (N, 3, size, size): (N, units, h, w)."""
    found = model.activations(pictures, layers)
    return torch.cat([found[layer] for layer in layers], dim=1)


gray = torch.full((1, 3, size, size), 0.5)
units = answers_of(gray).shape[1]
print(f"{units} units, each with {answers_of(gray)[0, 0].numel()} answers to a picture")

# %% [markdown]
# ## One idea
#
# A **unit** slides over the picture and answers everywhere: how much of *its* pattern is here? To see the pattern, we turn the pixels of a gray picture
# until the unit answers loudly: **gradient ascent**.
#
# All units can be asked at once: as many pictures as units, and each picture listens to its own unit.

# %%
torch.manual_seed(lab.seed())
beginning = lab.Canvas(size, size, count=4)()          # adjustable pictures, (4, 3, size, size)
lab.show(list(beginning.detach()), title="So they begin: gray, with a little noise", width=100)

# %% [markdown]
# ## Your turn: each its own
#
# `answers` is (pictures, units, h, w): every picture asked by all units of the layer. Picture `i` is to please unit `units[i]` only. Return, for each
# picture, the **mean** answer of its own unit: (pictures,).

# %% tags=["check"]
# The check of the exercise below, with our own answer. Run it, read it later.
def own_answer_reference(answers, units):
    return answers[torch.arange(len(units)), units].mean(dim=(1, 2))


@lab.checker(reference=own_answer_reference)
def own_answer(answer):
    dice = torch.Generator().manual_seed(4)
    for chosen, channels, h, w in (([3, 0, 5], 7, 4, 6), ([6, 2], 9, 3, 3), ([1], 4, 2, 5)):
        given, asked = torch.randn(len(chosen), channels, h, w, generator=dice), torch.tensor(chosen)
        found = answer(given.clone(), asked.clone())
        n = len(chosen)
        lab.expect(isinstance(found, torch.Tensor), f"It returns {type(found).__name__}. It has to `return` a tensor.")
        lab.expect(found.dim() != 0 or n == 1, "That is one number for all pictures. Keep one for each: the mean over dim=(1, 2), the places.")
        lab.expect(found.shape != (n, n) or n == 1, "Every picture with every unit of the list: `answers[:, units]`. Each picture has one unit: answers[torch.arange(len(units)), units].")
        lab.expect(found.shape != (n, h, w), "Those are the right units, at every place. Now the mean over the places: .mean(dim=(1, 2)).")
        lab.expect(found.shape == (n,), f"One number for each of the {n} pictures, so the shape ({n},); yours is {tuple(found.shape)}.")
        rows, own = torch.arange(n), given[torch.arange(n), asked]
        usual = {
            "That is the mean over all units: it would please the whole layer. Take the picture's own unit only.": given.mean(dim=(1, 2, 3)),
            "Picture 0 gets unit 0, picture 1 unit 1 …: use the numbers in `units`.": given[rows, rows % channels].mean(dim=(1, 2)),
            "All are asked for the first unit of the list. Each picture has its own.": given[:, asked[0]].mean(dim=(1, 2)),
            "The sum over the places grows with the picture; take the mean.": own.sum(dim=(1, 2)),
            "That is the loudest place only. Take the mean over all places, so that the pattern fills the picture.": own.amax(dim=(1, 2)),
            "The sign is turned around: this way the unit falls silent.": -own.mean(dim=(1, 2)),
        }
        right = own_answer_reference(given, asked)
        for message, wrong in usual.items():
            if not torch.allclose(wrong, right, atol=1e-5):
                lab.expect(not torch.allclose(found, wrong, atol=1e-5), message)
        lab.expect(torch.allclose(found, right, atol=1e-5), f"Picture 0 belongs to unit {chosen[0]}, whose mean is {right[0]:.3f}; yours says {found[0]:.3f}.")
        leaf = given.clone().requires_grad_()
        lab.expect(answer(leaf, asked).requires_grad, "The numbers are right, but no gradient comes through. Stay with tensors: no .item(), no .detach().")

# %% tags=["exercise"]
def own_answer(answers, units):
    """The mean answer of each picture's own unit. answers (N, channels, h, w), units (N)."""
    # --- solution
    return answers[torch.arange(len(units)), units].mean(dim=(1, 2))
    # --- stub
    # return answers.mean(dim=(1, 2, 3))      # all units: not yet each its own
    # --- end


lab.check(own_answer)

# %% [markdown] tags=["hint"]
# Two lists of the same length pick pairs: `answers[[0, 1], [5, 2]]` is unit 5 of picture 0 and unit 2 of picture 1.

# %% [markdown] tags=["hint"]
# The first list counts the pictures, `torch.arange(len(units))`; the second is `units`. What is left is (pictures, h, w).

# %% [markdown] tags=["hint"]
# `return answers[torch.arange(len(units)), units].mean(dim=(1, 2))`

# %% [markdown]
# ## Paint them all
#
# `lab.Canvas` holds pictures whose adjustable numbers are waves and natural colors, which gives calmer pictures than pixels. Each step shifts the pictures
# a little (**jitter**), so that no pattern clings to a pixel.

# %%
own_answer = lab.use("own_answer")


def step(canvas, optimizer, units, answers_of=answers_of, jitter=2):
    """One step uphill for the pictures of some units; returns how loud they are."""
    down, across = torch.randint(-jitter, jitter + 1, (2,)).tolist()
    shifted = canvas().roll((down, across), dims=(2, 3))
    loud = own_answer(answers_of(shifted), units)
    optimizer.zero_grad()
    (-loud.sum()).backward()          # a step down for −loud is a step up for loud
    optimizer.step()
    return loud.mean().item()


def blank(count):
    canvas = lab.Canvas(size, size, count=count)
    return canvas, torch.optim.Adam(canvas.parameters(), lr=0.05)

# %%
COLUMNS = 16


def sheet(pictures, gap=4):
    """Pictures (N, 3, size, size) in rows of 16, white between them: (H, W, 3)."""
    framed = torch.nn.functional.pad(pictures, (0, gap, 0, gap), value=1.0)
    rows = [torch.cat(list(row), dim=2) for row in framed.split(COLUMNS)]
    return torch.cat(rows, dim=1).permute(1, 2, 0)[:-gap, :-gap]


def smaller(picture, factor):
    small = torch.nn.functional.interpolate(
        picture.permute(2, 0, 1)[None], scale_factor=factor, mode="bilinear", antialias=True)
    return small[0].permute(1, 2, 0)

# %%
torch.manual_seed(lab.seed())
groups = torch.arange(units).split(32)          # 32 at a time fit into a laptop's cache
blanks = [blank(len(group)) for group in groups]


@torch.no_grad()
def painted():
    return torch.cat([canvas() for canvas, _ in blanks])


live = lab.Live(lab.pace(40), seconds=100, title=f"{units} paintings", y_label="mean answer")
for _ in live:
    loud = [step(*blanks[i], group) for i, group in enumerate(groups)]
    live.log(answer=sum(loud) / len(loud))
    live.image(lambda: smaller(sheet(painted()), 0.4))
pictures = painted()
lab.report(units=units, cpu_seconds_painting=live.cpu_seconds)

# %% [markdown]
# ## Are they loud?
#
# A painting should excite its unit more than any photo does. We ask every unit about seven photos and compare.

# %%
@torch.no_grad()
def loudness(pictures):
    """The mean answer of every unit to every picture: (N, units)."""
    return torch.cat([answers_of(some).mean(dim=(2, 3)) for some in pictures.split(32)])


samples = ("astronaut", "chelsea", "china", "coffee", "flower", "hubble", "rocket")
photos = torch.stack([lab.sample_photo(n, size).permute(2, 0, 1) for n in samples])
best_photo = loudness(photos).amax(dim=0)                # for every unit
own = loudness(pictures).diagonal()
louder = (own > best_photo).float().mean()
lab.report(share_louder=louder)
print(f"{louder:.0%} of the units answer their painting more loudly than any of the seven photos.")

# %% [markdown]
# ## Put them in order
#
# By their numbers the units are a jumble. Measure two things of each picture: how **busy** it is (the difference between neighbors) and how **warm** (red
# against blue). Busy ones go down, warm ones to the right.

# %%
def busy(pictures):
    across = (pictures[..., 1:] - pictures[..., :-1]).abs().mean(dim=(1, 2, 3))
    down = (pictures[..., 1:, :] - pictures[..., :-1, :]).abs().mean(dim=(1, 2, 3))
    return across + down


def warm(pictures):
    return (pictures[:, 0] - pictures[:, 2]).mean(dim=(1, 2))


rows = busy(pictures).argsort().split(COLUMNS)
order = torch.cat([row[warm(pictures[row]).argsort()] for row in rows])
atlas = sheet(pictures[order])
names = [f"unit {number}" for number in order.tolist()]
alt = f"The {units} units of {' and '.join(layers)}, a picture each."
lab.zoomable(atlas, names, columns=COLUMNS, title="The atlas", alt=alt)

# %% [markdown]
# Go into it: grids, stripes, dots, waves, here and there an eye or a wheel, in several directions and colors. Nobody drew these, and nobody told the network to look for them.
#
# ## Turn a knob: after the ReLU
#
# **What do you expect?** We painted *before* the ReLU, which sets what is negative to zero. What if we paint after it?

# %%
def after_relu(pictures):
    return answers_of(pictures).relu()


torch.manual_seed(lab.seed())
first = torch.arange(32)
canvas, optimizer = blank(32)
for _ in lab.Live(lab.pace(40), seconds=20, title="After the ReLU"):
    step(canvas, optimizer, first, after_relu)
after = canvas().detach()
silent = (after_relu(after).mean(dim=(2, 3)).diagonal() == 0).sum()
lab.report(silent_of_32=silent)
lab.show(sheet(torch.cat([pictures[:32], after])), "Before (above), after the ReLU (below)", width=700)

# %% [markdown]
# A unit that says nothing to the gray beginning has no gradient, so nothing tells the pixels which way to go: it stays gray.
#
# ## Your own photo
#
# Which units answer to your photo more than to ours?

# %%
mine = lab.your_photo(lab.sample_photo("chelsea", 4 * size), size=4 * size)
answer = loudness(mine.permute(2, 0, 1)[None])[0]
others = torch.stack([lab.sample_photo(n, 4 * size).permute(2, 0, 1) for n in samples if n != "chelsea"])
usual = loudness(others)
surprise = (answer - usual.mean(dim=0)) / (usual.std(dim=0) + 1e-6)
top = surprise.argsort(descending=True)[:7]
captions = ["your photo"] + [f"unit {number}" for number in top.tolist()]
lab.show([mine, *pictures[top].permute(0, 2, 3, 1)], captions, columns=8, width=80)

# %% [markdown]
# ## The picture
#
# The atlas in a size to send. The large one above is yours too: right-click it.

# %%
lab.save_picture("filter_atlas.png", smaller(atlas, 900 / atlas.shape[1]), alt=alt, colors=128)

# %% [markdown]
# ## What you did
#
# - You painted the favorite picture of every unit of a layer, all at once.
# - You checked that they are louder than seven photos.
# - You brought them into an order that you can explain.
#
# **For the quick.** (1) Another layer: `print(model.layers)`; deeper ones need larger pictures. (2) Another order: by the direction of their lines, or so that
# neighbors excite each other's units.
#
# **Sources.** Gradient ascent: Erhan et al., *Visualizing higher-layer features of a deep network*, 2009. Waves and colors: Olah, Mordvintsev, Schubert, *Feature
# visualization*, 2017. An atlas: Carter et al., *Activation atlas*, 2019. SqueezeNet: Iandola et al., 2016.
