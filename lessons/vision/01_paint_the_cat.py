# ---
# handson:
#   title: Paint the cat
#   promise: A small network paints a photo while you watch, and then one of your own.
#   minutes: 10
#   cpu_seconds: 75
#   memory_mb: 1000
#   target:
#     full: [psnr_db >= 25, cpu_seconds_painting <= 30, small_gain_db >= 1, small_parameters <= 2643]
#     embedded: [psnr_db >= 25, cpu_seconds_painting <= 30, small_gain_db >= 1, small_parameters <= 2643]
#   picture: paint_the_cat.gif
#   picture_alt: A cat's portrait appears out of a gray square, first as blurred patches of color, then hair by hair.
#   assets: [cat]
#   tiers: [page, laptop, room, image]
#   agenda: [60, 120]
#   author: The handson maintainers
#   covers:
#     - I can say what a neural network is, a function with adjustable numbers, and watched one being adjusted.
#     - I can write a training loop of five lines and read its curve.
#     - I know why a network that sees only (x, y) paints a blur, and what to feed it instead.
# ---

# %% [markdown]
# # Paint the cat
#
# {{picture}}
#
# A network of {{full.parameters:,.0f}} numbers painted this, from nothing, in about {{full.cpu_seconds_painting:.0f}} seconds of a laptop core's work.
# In ten minutes yours will have done it too, and then it paints a photo of your own. Let us get there.

# %% [markdown] tags=["notes"]
# **One breath.** "A photo is a function: you give it a place, it gives you a color. A network is a function too. We turn its
# numbers until it answers like the photo."
#
# **What people ask.** *Is this how image generators work?* No: this network knows one photo and nothing else. But the trick you
# write today (waves in place of coordinates) is in them all. *Is it compression?* Not a good one; see the leader board.
#
# **Where they get stuck.** The exercise: `@` is the matrix product; the result has twice as many columns as there are waves.
#
# **When time runs.** Leave out the leader board and "Too slow, too fast".

# %%
import math

import torch
from torch import nn

from handson import lab

lab.begin()

# %%
photo = lab.cat(200)       # 200 × 200 pixels, each with red, green and blue, 0 to 1
lab.show(photo, "The photo")

# %% [markdown]
# ## One idea
#
# A photo is a **function**: you give it a place (x, y), it gives you a color (red, green, blue).
#
# A **neural network** is one too, with adjustable numbers in it, its **parameters**. **Training** turns them, a
# little at a time, until the network answers like the photo.
#
# First the questions: every place of the photo.

# %%
def places(height, width):
    """Every place of a picture: x and y from -1 to 1, one row per pixel."""
    down, across = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    y, x = torch.meshgrid(down, across, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


xy = places(200, 200)
colors = photo.reshape(-1, 3)
print("questions:", tuple(xy.shape), "answers:", tuple(colors.shape))

# %% [markdown]
# ## The network
#
# It is a chain. A `Linear` layer mixes its inputs with its parameters; `ReLU` sets what is negative to zero, so that the chain can
# bend. The last step, `Sigmoid`, squeezes any number into 0…1: a color.

# %%
def painter(inputs, width=128):
    """A network that turns `inputs` numbers into a color."""
    return nn.Sequential(
        nn.Linear(inputs, width), nn.ReLU(),
        nn.Linear(width, width), nn.ReLU(),
        nn.Linear(width, 3), nn.Sigmoid(),
    )


def parameters(network):
    return sum(p.numel() for p in network.parameters())


print(f"{parameters(painter(2)):,} numbers to turn")

# %% [markdown]
# ## Training
#
# The **loss** says how wrong the network is: the mean squared difference to the photo's colors. We also say it in **decibels** (PSNR): at
# 20 you recognize the photo, at 30 you have to look twice.

# %%
def psnr(painting, photo):
    """Peak signal-to-noise ratio in decibels; 10 more: a tenth of the squared error."""
    return -10 * math.log10((painting - photo).square().mean())


@torch.no_grad()
def paint(network, inputs, height=200, width=200):
    pieces = [network(some) for some in inputs.split(4000)]    # this needs less memory
    return torch.cat(pieces).reshape(height, width, 3)

# %% [markdown]
# `backward()` finds, for every parameter, which way to turn it to make the loss smaller. The **optimizer** turns them all, one step. We repeat
# that, each time with other pixels.

# %%
def train(network, inputs, colors, steps, title, rate=0.01, handful=2048):
    """Train `network` to answer `inputs` with `colors`; returns frames."""
    optimizer = torch.optim.Adam(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(    # large steps, then small
        optimizer, rate, total_steps=steps, pct_start=0.05)
    frames, moments = [], {round(steps * (i / 40) ** 3.5) for i in range(40)}
    live = lab.Live(steps, seconds=45, title=title, y_label="loss", log=True)
    for step in live:
        some = torch.randint(len(inputs), (handful,))
        loss = (network(inputs[some]) - colors[some]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        live.log(loss=loss)
        if step in moments:
            frames.append(paint(network, inputs))
            live.image(frames[-1])
    return frames + [paint(network, inputs)], live

# %% [markdown]
# **What do you expect?** The network sees nothing but x and y. Will it paint the whiskers? Say it aloud, then run the cell.

# %%
torch.manual_seed(lab.seed())
network = painter(inputs=2)
frames, live = train(network, xy, colors, lab.pace(400), title="From x and y alone")
blurred = frames[-1]
lab.report(psnr_xy_db=psnr(blurred, photo))

# %% [markdown]
# A blur. Next to each other, x and y are nearly the same numbers, so the network gives nearly the same color.
#
# The way out: give it **waves** in place of x and y. Each goes up and down across the picture, in its own direction, slowly or fast, so that
# neighbors get different numbers. (They are called *Fourier features*.)

# %%
four = torch.tensor([[1.0, 0.0], [0.0, 3.0], [4.0, 2.0], [-9.0, 9.0]])
pictures = [torch.sin(math.pi * xy @ wave).reshape(200, 200) / 2 + 0.5 for wave in four]
captions = [f"{x:g} times in x, {y:g} in y" for x, y in four.tolist()]
lab.show(pictures, captions, columns=4, title="Four waves")

# %% [markdown]
# ## Your turn: waves
#
# Each column of `frequencies` is one wave: how often it goes up and down from edge to edge, in x and in y. The angle of every wave at every place is
# `math.pi * xy @ frequencies` (`@` is the matrix product). Give the network the sine **and** the cosine of each angle.

# %% tags=["check"]
# The check of the exercise below, with our own answer. Run it, read it later.
def waves_reference(xy, frequencies):
    angles = math.pi * xy @ frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def same_columns(found, wanted):
    """Whether both have the same columns, in any order."""
    distances = (found.float()[:, :, None] - wanted[:, None, :]).abs().amax(dim=0)
    return bool((distances.amin(dim=0) < 1e-4).all() and (distances.amin(dim=1) < 1e-4).all())


@lab.checker(reference=waves_reference)
def waves(answer):
    dice = torch.Generator().manual_seed(1)
    for places_count, count in ((5, 3), (1, 4), (7, 1)):
        somewhere = torch.rand(places_count, 2, generator=dice) * 2 - 1
        frequencies = torch.randn(2, count, generator=dice) * 3
        found = answer(somewhere, frequencies)
        lab.expect(isinstance(found, torch.Tensor), f"It returns {type(found).__name__}. It has to `return` one tensor.")
        turned = found.dim() == 2 and found.shape == (2 * count, places_count) and places_count != 2 * count
        lab.expect(not turned, "Rows and columns are swapped: one row for each place. Put them together with dim=1.")
        lab.expect(found.dim() == 2 and found.shape[0] == places_count, f"One row for each place: {places_count} of them here; your shape is {tuple(found.shape)}. `torch.cat(…, dim=1)` puts side by side.")
        lab.expect(found.shape[1] == 2 * count, f"{count} waves give {2 * count} numbers for each place, a sine and a cosine each; yours are {found.shape[1]}.")
        angles = math.pi * somewhere @ frequencies
        usual = {
            "Those are the angles themselves. The network is to get their sine and cosine.": (angles, angles),
            "Twice the sine: the cosine is missing.": (angles.sin(), angles.sin()),
            "Twice the cosine: the sine is missing.": (angles.cos(), angles.cos()),
            "The factor math.pi is missing in the angle.": ((angles / math.pi).sin(), (angles / math.pi).cos()),
            "The angle is π times xy @ frequencies, not 2π.": ((2 * angles).sin(), (2 * angles).cos()),
        }
        for message, pair in usual.items():
            lab.expect(not same_columns(found, torch.cat(pair, dim=1)), message)
        right = same_columns(found, waves_reference(somewhere, frequencies))
        lab.expect(right, "The shape is right, the numbers are not: each column is the sine or the cosine of `math.pi * xy @ frequencies`.")


# %% tags=["exercise"]
def waves(xy, frequencies):
    """Sine and cosine of each wave: (places, 2), (2, waves) → (places, 2 · waves)."""
    # --- solution
    angles = math.pi * xy @ frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)
    # --- stub
    # # your two lines
    # return xy
    # --- end


lab.check(waves)

# %% [markdown] tags=["hint"]
# First the angles: `angles = math.pi * xy @ frequencies`, one row for each place, one column for each wave.

# %% [markdown] tags=["hint"]
# `angles.sin()` is the sine of every number in it. `torch.cat([a, b], dim=1)` puts two tensors side by side.

# %% [markdown] tags=["hint"]
# Return `torch.cat([angles.sin(), angles.cos()], dim=1)`.

# %% [markdown]
# ## Paint it
#
# 128 waves in random directions, most of them going up and down 0 to 30 times from edge to edge. The same network, the same training.

# %%
waves = lab.use("waves")
torch.manual_seed(lab.seed())
frequencies = torch.randn(2, 128) * 15
network = painter(inputs=2 * 128)

inputs = waves(xy, frequencies)
frames, live = train(network, inputs, colors, lab.pace(800), title="From waves")
painting = frames[-1]
lab.report(psnr_db=psnr(painting, photo), parameters=parameters(network))
lab.report(cpu_seconds_painting=live.cpu_seconds)

# %%
pictures = {
    "the photo": photo,
    f"from x and y: {psnr(blurred, photo):.1f} dB": blurred,
    f"from waves: {psnr(painting, photo):.1f} dB": painting,
}
lab.show(list(pictures.values()), list(pictures), columns=3)

# %% [markdown]
# ## Turn a knob: too slow, too fast
#
# The 15 in `torch.randn(2, 128) * 15`, how fast the waves are, was our choice. **What do you expect** of 2, and of 60? Guess, then run.

# %%
pictures, captions = [], []
for speed in (2, 15, 60):
    torch.manual_seed(lab.seed())
    some_waves = waves(xy, torch.randn(2, 64) * speed)
    seen, _ = train(painter(2 * 64), some_waves, colors, 150, title=f"Speed {speed}")
    pictures.append(seen[-1])
    captions.append(f"speed {speed}: {psnr(seen[-1], photo):.1f} dB")
lab.show(pictures, captions, columns=3)

# %% [markdown]
# Too slow: a blur. Too fast: neighbors have nothing in common, grain.
#
# ## Leader board: 2,643 numbers
#
# The page *convnetjs* once painted a cat with seven layers of 20 units: 2,643 parameters. Here is that network, and ours with fewer, whose units
# are waves that learn how fast to go.

# %%
class Sine(nn.Module):
    """A wave in place of ReLU; `speed` is how fast it begins."""

    def __init__(self, speed):
        super().__init__()
        self.speed = speed

    def forward(self, inputs):
        return torch.sin(self.speed * inputs)

# %%
def seven_layers(width=20):
    layers, inputs = [], 2
    for _ in range(7):
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(width, 3), nn.Sigmoid())


def our_entry(width=34):
    return nn.Sequential(
        nn.Linear(2, width), Sine(30),
        nn.Linear(width, width), Sine(2.5),
        nn.Linear(width, width), Sine(2.5),
        nn.Linear(width, 3), nn.Sigmoid(),
    )

# %%
# How deep, how wide? Add an entry of yours below; all get the same number of steps.
entries = {"seven layers of 20": seven_layers, "waves that learn": our_entry}
board = {}
for name, build in entries.items():
    torch.manual_seed(lab.seed())
    small = build()
    if parameters(small) > 2643:
        print(f"{name} has {parameters(small):,} parameters; at most 2,643 take part.")
        continue
    seen, _ = train(small, xy, colors, lab.pace(1500), title=name)
    board[name] = psnr(seen[-1], photo)
lab.bars(board, unit="dB", title="At most 2,643 parameters")

# %%
ours, plain = board["waves that learn"], board["seven layers of 20"]
lab.report(small_db=ours, small_gain_db=ours - plain)
lab.report(small_parameters=parameters(our_entry()))

# %% [markdown]
# ## Your own photo
#
# Drop a photo on the field, then run the cell below it again.

# %%
mine = lab.your_photo(photo, size=200)
lab.show(mine, "What will be painted")

# %%
torch.manual_seed(lab.seed())
network = painter(inputs=2 * 128)
if mine is photo:
    print("The same photo: we keep the painting from above.")
else:
    answers = mine.reshape(-1, 3)
    frames, live = train(network, inputs, answers, lab.pace(800), title="Your photo")
    print(f"{psnr(frames[-1], mine):.1f} dB")

# %% [markdown]
# ## The picture
#
# Every frame is the whole network, asked at all 40,000 places: from gray, over patches, to hair. It is yours; send it to somebody.

# %%
alt = "A photo appears out of gray, first as patches, then in all detail."
lab.save_picture("paint_the_cat.gif", frames, fps=8, alt=alt)

# %% [markdown]
# ## What you did
#
# - You turned a photo into questions and answers, and trained a network to give the answers.
# - You saw that it paints a blur from (x, y), and that waves mend it.
# - You found that one choice, how fast the waves are, decides between blur and grain.
#
# **For the quick.** (1) Beat {{full.small_db:.1f}} dB on the leader board. (2) Ask the network for places between the pixels: `places(800, 800)` is a
# picture with 16 times as many pixels as it ever saw. Is it sharper?
#
# **Where next.** *Digits*: networks that read handwriting.
#
# **Sources.** Waves: Tancik et al., *Fourier features let networks learn high frequency functions in low dimensional domains*, 2020. Waves that learn: Sitzmann et
# al., 2020. Blur: Rahaman et al., *On the spectral bias of neural networks*, 2019. The cat on the board: Karpathy, convnetjs, 2014.
