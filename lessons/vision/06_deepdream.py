# ---
# handson:
#   title: DeepDream
#   promise: A network that knows a million photos dreams into one of yours, and you zoom into the dream.
#   minutes: 10
#   cpu_seconds: 200
#   memory_mb: 2000
#   target:
#     full: [cpu_seconds_dream <= 8, cpu_seconds_zoom <= 20, cpu_seconds_wallpaper <= 80, times_stronger >= 8]
#     embedded: [cpu_seconds_dream <= 10, cpu_seconds_zoom <= 40, cpu_seconds_wallpaper <= 90, times_stronger >= 2]
#   picture: dream.gif
#   picture_alt: A temple above a lake. As we come closer it grows eyes, then snouts and fur, until dogs fill the picture.
#   assets: [squeezenet-1.1]
#   tiers: [page, laptop, room, image]
#   agenda: [60, 120]
#   author: The handson maintainers
#   covers:
#     - I can say what gradient ascent on a picture is, and I wrote the step.
#     - I know why a dream is made small first, then larger, and with a shift at every step.
#     - I saw what the layers of a network look for, shallow to deep.
# ---

# %% [markdown]
# # DeepDream
#
# {{picture}}
#
# Nobody drew these dogs. A network that learned to tell photos apart was shown a temple, and the photo was changed until
# the network saw more of what it knows. A dream takes {{full.cpu_seconds_dream:.0f}} seconds of a laptop core's work. Let us get there.

# %% [markdown] tags=["notes"]
# **One breath.** "In training we change the network and leave the photos alone. Tonight we do the opposite: the network stays, the
# photo gives way."
#
# **What people ask.** *Why dogs?* More than a hundred of the 1,000 things that this network was trained to tell apart are breeds of dogs. *Is this how
# image generators work?* No, though they too change a picture step by step. *Does the network dream?* It is a word. It climbs.
#
# **Where they get stuck.** The minus: an optimizer only goes down. And `zero_grad()`, the silent bug of *Digits*.
#
# **When time runs.** Leave out the guide and the wallpaper; the zoom is what they take home.

# %%
import math
import time

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from handson import lab
from handson.lab import zoo

torch.manual_seed(lab.seed())
lab.begin()
model = zoo.load("squeezenet-1.1", otherwise="cifar-robust")
full = model.card.name == "squeezenet-1.1"

# %%
def resize(picture, size):
    return F.interpolate(picture, size, mode="bilinear", antialias=True)


def framed(photo, height, width):
    """The middle of a photo (H, W, 3), as a picture (1, 3, height, width)."""
    picture = photo.permute(2, 0, 1)[None]
    scale = max(height / picture.shape[2], width / picture.shape[3])
    picture = resize(picture, [round(side * scale) for side in picture.shape[2:]])
    top, left = (picture.shape[2] - height) // 2, (picture.shape[3] - width) // 2
    return picture[:, :, top : top + height, left : left + width].contiguous()


side = 512 if full else 384
photo = lab.sample_photo("china", None)
temple = framed(photo, side, side)
lab.show(temple[0], "The photo")

# %% [markdown]
# ## One idea
#
# A network sees in **layers**: the first ones respond to edges, later ones to eyes or wheels. How strongly a layer responds to the photo, all its
# numbers squared, is our **objective**.
#
# Then we climb: change the *photo*, a little at every pixel, so that the objective grows. The network stays as it is.

# %%
def strength(layer):
    """An objective: how strongly `layer` responds to a picture (1, 3, H, W)."""
    def objective(picture):
        return model.activation(picture, layer).square().mean()
    return objective


layer = "fire7/concat" if full else "relu7"
print(f"{layer} responds with {strength(layer)(temple):.3g}")

# %% [markdown]
# ## Your turn: one step uphill
#
# `canvas()` is the picture (1, 3, H, W); its parameters are what we adjust.
#
# 1. **Jitter**: roll the picture by `shift`, so that the network's grid falls elsewhere each time.
# 2. Take the `objective` of that.
# 3. `backward()`, and let the `optimizer` step. It goes *down*, and gradients add up if nobody clears them.

# %% tags=["check"]
# The check of the exercise below, with our own answer. Run it, read it later.
def ascend_reference(canvas, objective, optimizer, shift):
    picture = canvas().roll(shift, (2, 3))
    optimizer.zero_grad()
    (-objective(picture)).backward()
    optimizer.step()


def adjusted(step, kind="pixels"):
    """The picture of a small canvas after two steps of plain gradient descent, and the one before."""
    dice = torch.Generator().manual_seed(4)
    start, weights = torch.rand(1, 3, 6, 10, generator=dice) * 0.6 + 0.2, torch.rand(1, 3, 6, 10, generator=dice)
    canvas = lab.Canvas(6, 10, kind=kind)
    canvas.begin_with(start)
    start = canvas().detach()
    optimizer = torch.optim.SGD(canvas.parameters(), 0.05)
    for shift in ((2, -3), (-1, 4)):
        step(canvas, lambda picture: (weights * picture.square()).sum(), optimizer, shift)
    return canvas().detach(), start


def usual_step(roll, sign=-1, clear=True):
    def step(canvas, objective, optimizer, shift):
        if clear:
            optimizer.zero_grad()
        (sign * objective(roll(canvas(), shift))).backward()
        optimizer.step()
    return step


@lab.checker(reference=ascend_reference)
def ascend(answer):
    def rolled(picture, shift):
        return picture.roll(shift, (2, 3))

    def still(picture, _shift):
        return picture

    found, start = adjusted(answer)
    lab.expect((found - start).abs().max() > 1e-4, "The picture has not changed. `optimizer.step()` has to come after `backward()`, and `zero_grad()` before it.")
    usual = {
        "That is downhill: an optimizer makes what it is given smaller. Give it the objective with a minus.": usual_step(rolled, sign=1),
        "The gradients of both steps add up. Clear them first: `optimizer.zero_grad()`.": usual_step(rolled, clear=False),
        "The jitter is missing: take the objective of `canvas().roll(shift, (2, 3))`.": usual_step(still),
        "Rows and columns are dimensions 2 and 3; dimension 1 holds the colors. `roll(shift, (2, 3))`.": usual_step(lambda picture, shift: picture.roll(shift, (1, 2))),
        "Rolled the other way round: as it is, `shift` is rows, then columns: `roll(shift, (2, 3))`.": usual_step(lambda picture, shift: picture.roll(shift, (3, 2))),
        "Downhill, and gradients that add up: a minus and `optimizer.zero_grad()` are missing.": usual_step(rolled, sign=1, clear=False),
        "Downhill, and without jitter: a minus and `roll(shift, (2, 3))` are missing.": usual_step(still, sign=1),
    }
    for message, wrong in usual.items():
        lab.expect(not torch.allclose(found, adjusted(wrong)[0], atol=1e-5), message)
    for kind in ("pixels", "waves"):
        off = (adjusted(answer, kind)[0] - adjusted(ascend_reference, kind)[0]).abs().max()
        lab.expect(off < 1e-4, f"Somewhere the picture is off by {off:.2g}: roll, objective, minus, backward, step, and nothing else.")

# %% tags=["exercise"]
def ascend(canvas, objective, optimizer, shift):
    """One step uphill. shift: how far to roll the picture, rows and columns."""
    # --- solution
    picture = canvas().roll(shift, (2, 3))
    optimizer.zero_grad()
    (-objective(picture)).backward()
    optimizer.step()
    # --- stub
    # picture = canvas()
    # # your four lines or so
    # --- end


lab.check(ascend)

# %% [markdown] tags=["hint"]
# `canvas().roll(shift, (2, 3))` rolls rows and columns; what leaves on one side comes in on the other. Autograd finds the way back by itself.

# %% [markdown] tags=["hint"]
# `optimizer.zero_grad()`, then `backward()`, then `optimizer.step()`. It goes downhill, and downhill of *minus* the objective is up.

# %% [markdown] tags=["hint"]
# `picture = canvas().roll(shift, (2, 3))`, `optimizer.zero_grad()`, `(-objective(picture)).backward()`, `optimizer.step()`.

# %% [markdown]
# ## Small first
#
# A unit of this layer sees a patch, not the whole photo. In a small copy of the photo the patch holds a lot, so what is dreamed there
# is large. So: dream in a small copy, enlarge what was dreamed, lay it over a larger copy, dream on. Each size is an **octave**.

# %%
def dream(photo, objective, octaves=4, steps=10, jitter=32, kind="waves", title=None):
    """A photo (1, 3, H, W), dreamed in sizes that grow by 1.4; with a title it shows itself."""
    def seen():
        return resize(canvas().detach(), (256, 256 * photo.shape[3] // photo.shape[2]))[0]
    dreamed = torch.zeros_like(photo)
    live = lab.Live(octaves * steps, seconds=60, title=title) if title else range(octaves * steps)
    for step in live:
        if step % steps == 0:                               # the next octave
            smaller = 1.4 ** (octaves - 1 - step // steps)
            size = [round(side / smaller) for side in photo.shape[2:]]
            base, canvas = resize(photo, size), lab.Canvas(*size, kind=kind)
            canvas.begin_with(base + resize(dreamed, size))
            optimizer = torch.optim.Adam(canvas.parameters(), 0.03)
        shift = torch.randint(-jitter, jitter + 1, (2,)).tolist()
        ascend(canvas, objective, optimizer, shift)
        if step % steps == steps - 1:                       # its end
            dreamed = canvas().detach() - base
        if title:
            live.image(seen)
    return resize(canvas().detach(), photo.shape[2:])       # the same size, if time was enough

# %% [markdown]
# **What do you expect** without octaves: as much work, all of it in the large photo? Guess, then run.

# %%
ascend, goal = lab.use("ascend"), strength(layer)
flat = dream(temple, goal, octaves=1, steps=lab.pace(20), kind="pixels", title="One size")
first = dream(temple, goal, steps=lab.pace(10), kind="pixels", title="Four octaves")
lab.show([flat[0], first[0]], ["one size", "four octaves"], columns=2, width=340)

# %% [markdown]
# ## Waves, not pixels
#
# What we adjusted were pixels, one by one; that gives grain and loud colors. Photos are made of slow, strong waves and fast, weak ones, in
# colors that go together. Let us adjust those: the picture is a sum of **waves** (`lab.Canvas`), and your `ascend` changes how strong each is.

# %%
began = time.process_time()
dreamed = dream(temple, goal, steps=lab.pace(10), title="On waves")
lab.report(cpu_seconds_dream=time.process_time() - began)
lab.report(times_stronger=goal(dreamed) / goal(temple))
lab.show([first[0], dreamed[0]], ["on pixels", "on waves"], columns=2, width=340)

# %% [markdown]
# ## Turn a knob: the layer
#
# Any layer can dream, by its name. A name that does not exist is answered with those that do:

# %%
try:
    dream(temple, strength("dogs"))
except zoo.ZooError as error:
    print(error)

# %% [markdown]
# **What do you expect** of shallow layers, and of deep ones? Say it aloud.

# %%
small = resize(temple, (224, 224))
layers = model.card.good_layers[1:]
dreams = []
for number in lab.Live(len(layers), seconds=60, title="The same photo, layer by layer", x_label="layer"):
    dreams.append(dream(small, strength(layers[number]))[0])
title = "Shallow to deep"
lab.show(dreams, layers[: len(dreams)], columns=4 if full else 3, title=title)

# %% [markdown]
# Shallow layers draw strokes and patches; the middle ones eyes and fur; the deepest add little (the network that comes along: cars,
# ships). You see what it was trained on.
#
# ## A guide
#
# Which dream? Show a second photo. Every place of the dream looks for the place of the guide that it resembles most, and grows more like it.

# %%
def resemblance(layer, guide):
    """An objective: how much each place of a picture is like some place of the guide."""
    there = model.activation(guide, layer)[0].flatten(1)             # (channels, places)

    def objective(picture):
        here = model.activation(picture, layer)[0].flatten(1)
        return (here.T @ there).amax(1).mean()
    return objective


guide = framed(lab.sample_photo("coffee"), 224, 224)
guided = dream(temple, resemblance(layer, guide), steps=lab.pace(10), title="A guided dream")
lab.show([guide[0], guided[0]], ["the guide", "the dream"], columns=2, width=340)

# %% [markdown]
# ## Your own photo
#
# Drop a photo on the field, then run the cell again. Try another layer, and a guide.

# %%
mine = lab.your_photo(photo, size=None)
if mine is photo:
    print("The same photo: we keep the dream from above.")
else:
    picture = framed(mine, side, side)
    dreamed = dream(picture, goal, steps=lab.pace(10), title="Your dream")
    lab.show([picture[0], dreamed[0]], columns=2, width=340)

# %% [markdown]
# ## A wallpaper
#
# 1920 × 1080 pixels at once take a lot of memory, so the network sees them **tile** by tile. (`checkpoint` forgets a tile's layers and computes
# them again when the gradient is found.) The seams between tiles would show; but with a jitter of half a tile they fall elsewhere at each step.

# %%
def in_tiles(objective, tile=512):
    """The objective, with no more memory than one tile needs."""
    def total(picture):
        values = []
        for strip in picture.chunk(math.ceil(picture.shape[2] / tile), 2):
            for piece in strip.chunk(math.ceil(picture.shape[3] / tile), 3):
                values.append(checkpoint(objective, piece, use_reentrant=False))
        return torch.stack(values).mean()
    return total

# %%
began = time.process_time()
large = framed(mine, 1080, 1920)
steps = lab.pace(10 if full else 4)
wallpaper = dream(large, in_tiles(goal), octaves=7, steps=steps, jitter=256, title="A wallpaper")
lab.report(cpu_seconds_wallpaper=time.process_time() - began)
alt = "The photo, dreamed, as wide as a screen."
lab.save_picture("wallpaper.jpg", wallpaper[0], alt=alt)

# %% [markdown]
# ## The picture: fall into it
#
# Dream a little, go a little closer, dream on. After twenty frames hardly a pixel of the photo is left.

# %%
frame = framed(mine, 300, 300)
frames = [frame[0]]
began = time.process_time()
live = lab.Live(20, seconds=60, title="Falling", x_label="frame")
for _ in live:
    closer = frame[:, :, 7:-7, 7:-7]                        # without its rim, …
    closer = resize(closer, (300, 300))                     # … enlarged: one step nearer
    frame = dream(closer, goal, octaves=3, steps=3)
    frames.append(frame[0])
    live.image(frame[0])
lab.report(cpu_seconds_zoom=time.process_time() - began)

# %%
alt = "We fall into the photo, and it turns into what the network knows."
lab.save_picture("dream.gif", frames, fps=6, alt=alt)

# %% [markdown]
# ## What you did
#
# - You wrote gradient ascent on a picture: the network stayed, the photo moved.
# - You saw what octaves are good for, and that *what* is adjusted, pixels or waves, decides how a dream looks.
# - You saw what layers look for, shallow to deep, and steered a dream with a second photo.
#
# **For the quick.** (1) Dream with *one* channel of a layer: `model.activation(picture, layer)[:, 42]`. Which channel paints the
# strangest things? (2) Turn the picture by a degree between two frames of the zoom.
#
# **Sources.** Mordvintsev, Olah, Tyka, *Inceptionism: going deeper into neural networks*, 2015: octaves, jitter, guides. Waves: Olah,
# Mordvintsev, Schubert, *Feature visualization*, 2017. SqueezeNet: Iandola et al., 2016. The temple: china.jpg of scikit-learn, by danielbuechele, CC BY 2.0.
