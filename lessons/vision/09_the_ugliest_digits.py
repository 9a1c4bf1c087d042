# ---
# handson:
#   title: The ugliest digits
#   promise: A network squeezes every digit into two numbers, which makes a map; what does not fit on the map, it finds.
#   minutes: 15
#   cpu_seconds: 120
#   memory_mb: 1600
#   threads: 1
#   target:
#     full: [reconstruction_error <= 0.045, accuracy_two_numbers >= 0.65, auroc_scrambled >= 0.98, auroc_mirrored >= 0.7, cpu_seconds_training <= 60]
#     embedded: [reconstruction_error <= 0.0125, accuracy_two_numbers >= 0.7, auroc_scrambled >= 0.98, auroc_mirrored >= 0.7, cpu_seconds_training <= 25]
#   picture: the_map_of_digits.png
#   picture_alt: A map of 20 by 20 handwritten digits on black. Neighbors look alike and have like colors, so that colored countries run into one another.
#   assets: [mnist]
#   tiers: [laptop, room, image]
#   agenda: [120]
#   author: The handson maintainers
#   covers:
#     - I can say what an autoencoder is, and trained one without a single label.
#     - I can read the map that its code makes, and walk through it.
#     - I can rank what does not belong by its reconstruction error, and I measured what such a ranking misses.
# ---

# %% [markdown]
# # The ugliest digits
#
# {{picture}}
#
# Nobody wrote these digits. A network saw {{full.images:,.0f}} handwritten ones, squeezed each into two numbers, across and up, and drew what it would
# expect at 400 places. What it cannot draw, it finds ugly. In fifteen minutes you will have your own map, and your own digit on it.

# %% [markdown] tags=["notes"]
# **One breath.** "We force every digit through a gap of two numbers. What comes out again shows what is common; what does not come out
# shows what is odd."
#
# **What people ask.** *Where are the labels?* In the training, nowhere; only the colors of the map use them. *Is this how image
# generators work?* Many of them work in the code of a much larger autoencoder. *Why is it blurry?* Two numbers are few, and the squared
# error prefers the mean of all that it could be.
#
# **Where they get stuck.** `ugliness`: one number for each picture, so the mean runs over dimensions 1 and 2, not 0.
#
# **When time runs.** Leave out "Turn a knob" (one cell, four short trainings) and the walk.

# %%
import colorsys

import torch
from torch import nn
from torch.nn import functional as F

from handson import lab

torch.manual_seed(lab.seed())
lab.begin()

# %%
data = lab.digits()
images, labels = data.train_images.float() / 255, data.train_labels
test_images, test_labels = data.test_images.float() / 255, data.test_labels
batch = 128 if data.full else 64          # how many images are looked at for one step
lab.report(images=len(images))
lab.show(list(test_images[:20]), columns=10, width=64, title="Some of them")

# %% [markdown]
# ## One idea
#
# An **autoencoder** is two networks. The **encoder** squeezes a picture of 784 numbers into a few, its **code**; the **decoder** draws the
# picture again, from the code alone. It needs no labels: the answer is the question.
#
# Our code has *two* numbers, from −1 to 1. So every digit has a place in the plane.

# %%
def autoencoder(numbers=2, width=256):
    """An encoder from pictures to a code of `numbers` numbers, and a decoder back."""
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(784, width), nn.ReLU(),
        nn.Linear(width, 128), nn.ReLU(),
        nn.Linear(128, numbers),
        nn.BatchNorm1d(numbers, affine=False), nn.Tanh(),   # spread over -1 to 1
    )
    decoder = nn.Sequential(
        nn.Linear(numbers, 128), nn.ReLU(),
        nn.Linear(128, width), nn.ReLU(),
        nn.Linear(width, 784), nn.Sigmoid(), nn.Unflatten(1, (28, 28)),
    )
    return encoder, decoder

# %% [markdown]
# ## Training
#
# The **loss** is the mean squared difference between a picture and what was drawn of it. We shake each code a little before it is drawn:
# so neighbors in the plane have to look alike, and no place stays unused.
#
# While it trains, we ask the decoder for places all over the plane.

# %%
def plane(rows):
    """rows × rows places of the plane, the top left one first: (rows · rows, 2)."""
    line = torch.linspace(-0.97, 0.97, rows)
    up, across = torch.meshgrid(line.flip(0), line, indexing="ij")
    return torch.stack([across.flatten(), up.flatten()], dim=1)


def tiled(pictures, rows):
    """Pictures (rows · rows, h, w), or with a color (…, 3), as one large picture."""
    h, w, *color = pictures.shape[1:]
    grid = pictures.reshape(rows, rows, h, w, *color).transpose(1, 2)
    return grid.reshape(rows * h, rows * w, *color)


@torch.no_grad()
def draw_plane(decoder, rows):
    return tiled(decoder(plane(rows))[:, 2:26, 2:26], rows)     # without the margin

# %%
def train(encoder, decoder, steps, title, rate=0.003, shake=0.04, show_plane=False):
    """Train both to draw `images` again from their codes."""
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    live = lab.Live(steps, seconds=90, title=title, y_label="loss")
    for _ in live:
        some = images[torch.randint(len(images), (batch,))]
        code = encoder(some)
        drawn = decoder(code + shake * torch.randn_like(code))
        loss = (drawn - some).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        live.log(loss=loss)
        if show_plane:
            live.image(lambda: draw_plane(decoder, 12), "the plane, so far")
    encoder.eval(), decoder.eval()
    return live

# %% [markdown]
# **What do you expect?** There are ten digits and nobody says which is which. Where will the 1s be, and what lies between a 3 and an 8? Say it
# aloud, then run the cell.

# %%
torch.manual_seed(lab.seed())
encoder, decoder = autoencoder()
steps = lab.pace(3600 if data.full else 1400)
live = train(encoder, decoder, steps, "Through two numbers", show_plane=True)
lab.report(cpu_seconds_training=live.cpu_seconds)

# %%
@torch.no_grad()
def rebuild(pictures):
    """What the network draws of pictures that it may never have seen."""
    return torch.cat([decoder(encoder(some)) for some in pictures.split(1000)])


rebuilt = rebuild(test_images)
lab.report(reconstruction_error=(rebuilt - test_images).square().mean())
pairs = [*test_images[:10], *rebuilt[:10]]
lab.show(pairs, columns=10, width=64, title="Above: written. Below: drawn again from two numbers")

# %% [markdown]
# ## Countries
#
# Now the labels, for the first time. Each place asks the 25 digits with the nearest codes what they are; the vote gives the color; where it is
# pale, they disagree. Nothing was trained to keep the ten apart.

# %%
@torch.no_grad()
def codes_of(pictures):
    return torch.cat([encoder(some) for some in pictures.split(1000)])


codes = codes_of(images[:10000])


def votes(places):
    """What the 25 training digits nearest to each place are: shares, (N, 10)."""
    nearest = torch.cdist(places, codes).topk(25, largest=False).indices
    return F.one_hot(labels[nearest], 10).float().mean(dim=1)


test_codes = codes_of(test_images)
right = votes(test_codes).argmax(1) == test_labels
lab.report(accuracy_two_numbers=right.float().mean())

# %% [markdown]
# Guessing would be right one time in ten. Two numbers, found without labels, say which digit it is
# {{full.accuracy_two_numbers:.0%}} of the time (MNIST) or {{embedded.accuracy_two_numbers:.0%}} (the small digits).

# %%
tones = [colorsys.hsv_to_rgb((0.62 + 0.3 * digit) % 1, 0.7, 1) for digit in range(10)]
tones = torch.tensor(tones)               # red, green, blue of each digit


@torch.no_grad()
def colored(places, size):
    """What the decoder draws at `places`, in the color of the vote: (N, size, size, 3)."""
    drawn = decoder(places)[:, None, 2:26, 2:26]
    drawn = F.interpolate(drawn, size=(size, size), mode="bicubic").clamp(0, 1)
    mixed = votes(places) @ tones
    mixed = mixed / mixed.amax(dim=1, keepdim=True)      # as bright where they disagree
    return drawn.permute(0, 2, 3, 1) * mixed[:, None, None]


the_map = tiled(colored(plane(20), 30), 20)
lab.show(the_map, "Each tile: what the decoder draws at that place", width=600)

# %% [markdown]
# ## Your turn: how ugly?
#
# A digit that is like the others comes through the gap well. One that is like none comes out as something else. So the difference between a
# picture and its drawing says how odd it is: the mean of the squared differences, **for each picture**.

# %% tags=["check"]
# The check of the exercise below, with our own answer. Run it, read it later.
def ugliness_reference(pictures, drawn):
    return (pictures - drawn).square().mean(dim=(1, 2))


@lab.checker(reference=ugliness_reference)
def ugliness(answer):
    dice = torch.Generator().manual_seed(2)
    for count, height, width in ((4, 5, 3), (1, 2, 6), (7, 6, 6)):
        pictures = torch.rand(count, height, width, generator=dice)
        drawn = torch.rand(count, height, width, generator=dice)
        found = answer(pictures.clone(), drawn.clone())
        lab.expect(isinstance(found, torch.Tensor), f"It returns {type(found).__name__}. It has to `return` a tensor with one number for each picture.")
        lab.expect(found.dim() > 0, "That is one number for all pictures together: no picture can be told from another. Take the mean over height and width only, dimensions 1 and 2.")
        lab.expect(tuple(found.shape) != (height, width), "That is a mean over the pictures, dimension 0: an average picture. The mean has to run over the pixels, dimensions 1 and 2.")
        lab.expect(tuple(found.shape) != (count, height, width), "Those are the differences at every pixel. Now their mean over height and width, dimensions 1 and 2.")
        lab.expect(tuple(found.shape) in ((count, 1), (count, 1, 1)) or found.dim() == 1, f"One number for each picture: the shape is ({count},) here; yours is {tuple(found.shape)}. Two means in a row, or dim=(1, 2).")
        lab.expect(tuple(found.shape) == (count,), f"The shape has to be ({count},) here, one number for each picture; yours is {tuple(found.shape)}.")
        gap = pictures - drawn
        usual = {
            "Without the square, too much ink in one place makes up for too little in another. Square the differences first.": gap.mean(dim=(1, 2)),
            "The same, the other way around: without the square, too much and too little make up for each other.": -gap.mean(dim=(1, 2)),
            "First the square of every difference, then the mean. You squared the mean: too much and too little made up for each other before.": gap.mean(dim=(1, 2)).square(),
            "Those are absolute differences. They rank nearly alike, but the loss was the square: a pixel that is far off counts more.": gap.abs().mean(dim=(1, 2)),
            "That is the sum. The mean is asked for, the sum divided by the number of pixels.": gap.square().sum(dim=(1, 2)),
            "The order is turned around: the ugliest would come last.": -gap.square().mean(dim=(1, 2)),
            "That is the root of it; the mean of the squares is asked for.": gap.square().mean(dim=(1, 2)).sqrt(),
        }
        for message, wrong in usual.items():
            lab.expect(not torch.allclose(found.float(), wrong, atol=1e-6), message)
        lab.expect(torch.allclose(found.float(), ugliness_reference(pictures, drawn), atol=1e-6), "The shape is right, the numbers are not: the mean over the pixels of (picture − drawing)².")


# %% tags=["exercise"]
def ugliness(pictures, drawn):
    """The mean squared difference of each pair: (N, h, w), (N, h, w) → (N,)."""
    # --- solution
    return (pictures - drawn).square().mean(dim=(1, 2))
    # --- stub
    # # your line
    # return torch.zeros(len(pictures), 1)
    # --- end


lab.check(ugliness)

# %% [markdown] tags=["hint"]
# `pictures - drawn` is the difference at every pixel of every picture, `(N, h, w)`. `.square()` squares each.

# %% [markdown] tags=["hint"]
# `.mean()` alone is one number for all. `.mean(dim=1)` takes the mean over the rows of each picture; you need it over rows and columns, dimensions 1 and 2.

# %% [markdown] tags=["hint"]
# Return `(pictures - drawn).square().mean(dim=(1, 2))`.

# %% [markdown]
# ## Plant some fakes
#
# Does it find what does not belong? We make four kinds of non-digits out of test digits. The ink stays, so
# counting ink would not find them. **What do you expect:** which of the four is the hardest to find?

# %%
ugliness = lab.use("ugliness")
top, bottom = test_images[:, :14], test_images[:, 14:]
torch.manual_seed(lab.seed())
others = bottom[torch.randperm(len(bottom))]
fakes = {
    "scrambled": torch.cat([bottom.roll(14, 2), top.roll(14, 2)], dim=1),   # quarters
    "turned": test_images.rot90(1, (1, 2)),
    "mirrored": test_images.flip(2),
    "two halves": torch.cat([top, others], dim=1),
}
pictures = [fake[i] for fake in fakes.values() for i in range(8)]
lab.show(pictures, columns=8, width=80, title="Rows: " + ", ".join(fakes))

# %% [markdown]
# The measure: take a fake and a real digit at random. How often is the fake the uglier one? That share is called **AUROC**: 50 % is a coin, 100 % finds all.

# %%
def auroc(real, fake):
    """How often a random one of `fake` is larger than a random one of `real`."""
    ranks = torch.cat([real, fake]).argsort().argsort().double()
    least = len(fake) * (len(fake) - 1) / 2        # the sum if all fakes came first
    return ((ranks[len(real):].sum() - least) / (len(real) * len(fake))).item()


scores = ugliness(test_images, rebuilt)
found = {}
for name, fake in fakes.items():
    found[name] = auroc(scores, ugliness(fake, rebuild(fake)))
lab.bars(found, percent=True, title="How often the fake is the uglier one")

# %%
lab.report(auroc_scrambled=found["scrambled"], auroc_turned=found["turned"])
lab.report(auroc_mirrored=found["mirrored"], auroc_halves=found["two halves"])
ink = auroc(test_images.mean((1, 2)), fakes["mirrored"].mean((1, 2)))
print(f"Counting ink, in place of our measure: {ink:.0%}.")

# %% [markdown]
# Scrambled digits stand out. A mirrored 0 *is* a 0, and the top of a 7 on the foot of a 9 may be a fine 7. What fits on the map is
# not found, whoever made it.
#
# ## Turn a knob: how many numbers?
#
# Two are few. **What do you expect** of one, of 8, of 32?

# %%
ours, rows, captions = (encoder, decoder), [], []
for numbers in (1, 2, 8, 32):
    torch.manual_seed(lab.seed())
    encoder, decoder = autoencoder(numbers)
    train(encoder, decoder, lab.pace(450), f"Numbers in the code: {numbers}")
    drawn = rebuild(test_images)
    caught = auroc(ugliness(test_images, drawn), ugliness(fakes["mirrored"], rebuild(fakes["mirrored"])))
    error = (drawn - test_images).square().mean().item()
    rows.append(torch.cat([*drawn[:10]], dim=1))
    captions.append(f"{numbers}: error {error:.4f}, mirrored one uglier {caught:.0%}")
encoder, decoder = ours
written = torch.cat([*test_images[:10]], dim=1)
lab.show([written, *rows], ["written", *captions], columns=1, width=560)

# %% [markdown]
# More numbers draw better and, up to a point, find more. But 32 numbers are no map: nobody can look at a plane with 32 directions. What you choose depends on what it is for.
#
# ## The ugliest
#
# No fakes now: real test digits, the worst first.

# %%
worst = scores.argsort(descending=True)[:24]
names = [str(label) for label in test_labels[worst].tolist()]
lab.show(list(test_images[worst]), names, columns=12, width=50, title="The ugliest 24")
lab.show(list(rebuilt[worst]), columns=12, width=50, title="What the network made of them")

# %% [markdown]
# Broad pens, flourishes, leaning or huge digits: odd for *this* network. Are they ugly to you? The prettiest for it:

# %%
best = scores.argsort()[:24]
names = [str(label) for label in test_labels[best].tolist()]
lab.show(list(test_images[best]), names, columns=12, width=50, title="The prettiest 24")

# %% [markdown]
# With MNIST, the 1s win: little ink, little to get wrong. A score always measures something a little different from what you meant.
#
# ## For the quick: a walk
#
# Between two digits lie others that nobody wrote. Write the way from `here` to `there`: `steps` places, evenly, both ends included.

# %% tags=["check"]
# The check of the exercise below, with our own answer. Run it, read it later.
def walk_reference(here, there, steps):
    share = torch.linspace(0, 1, steps)[:, None]
    return (1 - share) * here + share * there


@lab.checker(reference=walk_reference)
def walk(answer):
    for here, there, steps in (([0.0, 0.5], [1.0, -0.5], 5), ([0.3, -0.2], [-0.6, 0.7], 2), ([-1.0, -1.0], [0.0, 1.0], 11)):
        here, there = torch.tensor(here), torch.tensor(there)
        found = answer(here.clone(), there.clone(), steps)
        lab.expect(isinstance(found, torch.Tensor), f"It returns {type(found).__name__}. It has to `return` one tensor; torch.stack makes one of a list.")
        lab.expect(not (tuple(found.shape) == (2, steps) and steps != 2), "Rows and columns are swapped: one row for each place. `torch.linspace(0, 1, steps)[:, None]` is a column.")
        lab.expect(tuple(found.shape) != (steps + 1, 2), f"That is one place too many: {steps} in all, both ends included.")
        lab.expect(tuple(found.shape) == (steps, 2), f"The shape has to be ({steps}, 2), one row for each place; yours is {tuple(found.shape)}.")
        right = walk_reference(here, there, steps)
        lab.expect(not torch.allclose(found, right.flip(0), atol=1e-5), "You walk from `there` to `here`.")
        lab.expect(torch.allclose(found[0], here, atol=1e-5), f"It begins at {found[0].tolist()}, not at `here`, {here.tolist()}.")
        lab.expect(torch.allclose(found[-1], there, atol=1e-5), "It never arrives: the last place is not `there`. The shares go from 0 to 1, both included: torch.linspace(0, 1, steps).")
        lab.expect(torch.allclose(found, right, atol=1e-5), "Both ends are right, but the places between are not evenly spaced on the straight line.")


# %% tags=["exercise"]
def walk(here, there, steps):
    """`steps` places on the straight line: (2,), (2,) → (steps, 2)."""
    # --- solution
    share = torch.linspace(0, 1, steps)[:, None]
    return (1 - share) * here + share * there
    # --- stub
    # # your two lines
    # return here.expand(steps, 2)
    # --- end


lab.check(walk)

# %% [markdown] tags=["hint"]
# At share 0 of the way you are at `here`, at 1 at `there`, at 0.5 in the middle: `(1 - share) * here + share * there`.

# %% [markdown] tags=["hint"]
# All shares at once: `torch.linspace(0, 1, steps)`. As a column, so that every row gets its own: `[:, None]`.

# %% [markdown] tags=["hint"]
# `share = torch.linspace(0, 1, steps)[:, None]`, then return `(1 - share) * here + share * there`.

# %% [markdown]
# From the heart of the 0s to that of the 1s, the 2s, … and home again.

# %%
walk = lab.use("walk")
places = plane(40)
hearts = [places[votes(places)[:, digit].argmax()] for digit in range(10)]


def framed(place):
    """The digit at `place`, large, beside the map with a ring around the place."""
    small = F.interpolate(the_map.permute(2, 0, 1)[None], size=(168, 168), mode="area")
    small = small[0].permute(1, 2, 0) * 0.7
    x, y = (place[0] + 1) * 83.5, (1 - place[1]) * 83.5
    down, across = torch.meshgrid(torch.arange(168), torch.arange(168), indexing="ij")
    distance = ((across - x).square() + (down - y).square()).sqrt()
    small[(distance - 9).abs() < 2] = 1.0
    return torch.cat([colored(place[None], 168)[0], small], dim=1)

# %%
frames = []
for here, there in zip(hearts, [*hearts[1:], hearts[0]], strict=True):
    frames += [framed(place) for place in walk(here, there, 7)[:-1]]
lab.save_picture("a_walk.gif", frames, fps=8, alt="One digit melts into the next, from 0 to 9, while a ring moves over the map.")

# %% [markdown]
# ## Your own hand
#
# Draw a digit, large. The guesses are the votes of its neighbors on the map: two numbers decide. Then run the cell below the pad.

# %%
pad = lab.drawing_pad(lambda image: votes(codes_of(image[None]))[0])
pad

# %%
if pad.drawings:
    mine = pad.drawings[-1]
else:
    mine = test_images[worst[0]]
    print("Nothing drawn yet: this is the ugliest test digit.")
drawn, place = rebuild(mine[None]), codes_of(mine[None])[0]
score = ugliness(mine[None], drawn)
share = (score > scores).float().mean().item()
lab.show([mine, drawn[0]], ["written", "drawn again"], width=196)
lab.show(framed(place), f"Uglier than {share:.0%} of the test digits", width=560)

# %% [markdown]
# ## The picture
#
# The whole map. For a wall, make the 40 a 100: the decoder draws at any place, and its drawings can be enlarged.

# %%
poster = tiled(colored(plane(20), 40), 20)
poster = (poster * 40).round() / 40       # 41 steps of each color keep the file small
alt = "A map of 20 × 20 digits; neighbors look alike, and each digit has its color."
lab.save_picture("the_map_of_digits.png", poster, alt=alt)

# %% [markdown]
# ## What you did
#
# - You trained a network to answer with its own question, through a gap of two numbers, without labels.
# - You made a map of all digits, and found what does not fit on it: beside a real digit, a scrambled one is the uglier {{full.auroc_scrambled:.1%}} of the time, a
#   mirrored one {{full.auroc_mirrored:.0%}}.
# - You saw that a score finds what is hard to draw, which is not quite what is ugly.
#
# **For the quick.** (1) Set `shake` to 0 and to 0.3 and compare the maps. (2) Divide the ugliness by the picture's ink: who is the ugliest now? And do the
# fakes get easier or harder to find?
#
# **Sources.** Two numbers for a digit: Hinton, Salakhutdinov, *Reducing the dimensionality of data with neural networks*, 2006. Noise against memory: Vincent
# et al., *Extracting and composing robust features with denoising autoencoders*, 2008 (they shake the picture, we the code). Digits: LeCun, Cortes, Burges, MNIST, 1998; Alpaydin, Kaynak, 1998.
