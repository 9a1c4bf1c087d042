# ---
# handson:
#   title: What does it see?
#   promise: You look through a network layer by layer, and it paints what sixteen of its units like best.
#   minutes: 7
#   cpu_seconds: 140
#   memory_mb: 1500
#   target:
#     full: [gain >= 5, gain_least >= 2.5, cpu_seconds_units <= 55]
#     embedded: [gain >= 2.5, gain_least >= 1.5, cpu_seconds_units <= 20]
#   picture: what_does_it_see.png
#   picture_alt: Sixteen square paintings in four rows, one row for each layer, shallow to deep, from woven patterns over scales and eyes to whole animals and things.
#   assets: [cat, squeezenet-1.1, imagenet-names]
#   tiers: [page, laptop, room, image]
#   agenda: [60, 120]
#   author: The handson maintainers
#   covers:
#     - I can say what a unit, its filter and its feature map are, and saw them on my own photo.
#     - I found out where a network looks by covering parts of the photo.
#     - I wrote the objective of gradient ascent, and painted what a unit responds to.
#     - I know why the canvas matters, because I saw the same objective give noise.
# ---

# %% [markdown]
# # What does it see?
#
# {{picture}}
#
# Nobody drew these. A network that was trained to name photos painted what sixteen of its units respond to most, from gray, in
# {{full.cpu_seconds_units:.0f}} seconds of a laptop core's work. In seven minutes yours will have painted them too. Let us get there.

# %% [markdown] tags=["notes"]
# **One breath.** "We open the network. What it says to a photo, layer by layer; where it looks; and then we turn it around and let
# it paint what it would love to see."
#
# **What people ask.** *Is this what the network thinks of?* It is what one unit responds to most, no more; photos make hundreds of
# units respond at once. *Why so many eyes and dogs?* More than a hundred of ImageNet's thousand classes are dogs. *Who chose these
# sixteen?* We did, by looking at some three hundred; many others look alike.
#
# **Where they get stuck.** The exercise: `activations[:, units]` takes every unit of every picture. Pairs need two lists of
# numbers: `activations[[0, 1, 2], units]`.
#
# **When time runs.** Leave out "Where does it look?"; nothing later needs it.

# %%
import torch
from torch.nn import functional as F

from handson import lab
from handson.lab import zoo

lab.begin()
model = zoo.load("squeezenet-1.1", otherwise="cifar-robust")
full = model.card.name == "squeezenet-1.1"
photo = lab.cat(256)

# %% [markdown]
# Drop a photo of yours on the field, then run the cell again: an animal, a face, a cup. Everything below looks at it.

# %%
mine = lab.your_photo(photo, size=256)
seen = model.fit(mine)                # (1, 3, height, width), as the network was trained
guess = model.classify(mine, top=1)[0]
print(f"It says: {guess.name}, {guess.probability:.0%} sure.")
lab.show(seen, f"What the network gets: {seen.shape[3]} × {seen.shape[2]} pixels", width=227)

# %% [markdown]
# ## One idea
#
# A network is a chain of **layers**. Each holds a crowd of **units**. A unit slides over the picture, looks for one pattern of its own,
# and says at every place how strongly it is there: its **activation**.
#
# In the first layer the pattern is a small picture, the unit's **filter**.

# %%
filters = next(p for p in model.parameters() if p.dim() == 4)
if model.card.order == "BGR":         # this network counts blue first
    filters = filters.flip(1)
largest = filters.abs().amax(dim=(1, 2, 3), keepdim=True)
title = f"The first layer: {len(filters)} filters of {filters.shape[3]} × {filters.shape[2]} pixels"
lab.show(list(0.5 + filters / (2 * largest)), title=title, columns=16, width=32, pixelated=True)

# %% [markdown]
# Edges, stripes, spots of color. Deeper units look at the answers of the layer before, so their filters are no pictures. But
# we see what they answer to your photo: a **feature map**, bright where the unit found its pattern.

# %%
def feature_maps(layer, count=6):
    """The maps of the units whose answer differs most from place to place."""
    maps = model.activation(large, layer)[0, :, 1:-1, 1:-1]    # without the rim
    lively = maps.std(dim=(1, 2)).topk(count).indices
    return [maps[unit] / maps[unit].max() for unit in lively]


large = mine.permute(2, 0, 1)[None]
if not full:                          # our small network knows small things only
    large = F.interpolate(large, size=(96, 96), mode="bilinear", antialias=True)
some_layers = ["fire2/concat", "fire5/concat", "fire9/concat"] if full else ["relu1", "relu4", "relu7"]
pictures, captions = [], []
for layer in some_layers:
    for found in feature_maps(layer):
        pictures.append(found)
        captions.append(f"{layer.partition('/')[0]}: {found.shape[1]} × {found.shape[0]}")
lab.show(pictures, captions, columns=6, width=100, pixelated=True, title="Feature maps, shallow to deep")

# %% [markdown]
# Shallow maps are drawings of the photo. Deep ones are coarse: few places, and each answers for a large part of the photo.
#
# ## Where does it look?
#
# Cover a square with gray and ask again: how much less sure is the network? **What do you expect?** Which part of your photo matters most?

# %%
@torch.no_grad()
def occlusion(seen, side, stride):
    """How much the score of the first guess falls when a square there is covered."""
    scores = model(seen)[0]
    guess = scores.argmax()
    starts = range(0, seen.shape[3] - side + 1, stride)
    falls = []
    for top in starts:
        covered = seen.repeat(len(starts), 1, 1, 1)
        for row, left in enumerate(starts):
            covered[row, :, top:top + side, left:left + side] = 0.5
        falls.append(scores[guess] - model(covered)[:, guess])
    return torch.stack(falls).clamp_min(0)

# %%
size = seen.shape[3]
falls = occlusion(seen, side=size // 5, stride=max(1, size // 16))
falls = F.interpolate(falls[None, None] / falls.max(), size=(size, size), mode="bilinear")[0]
lit = seen[0] * (0.2 + 0.8 * falls)
lab.show([seen[0], lit], ["your photo", f"what speaks for “{guess.name}”"], width=227)

# %% [markdown]
# ## Turn it around
#
# So far: a photo, and what a unit answers. Now choose the unit and look for the picture. `backward()` says for every pixel which way it must
# change to make the answer larger. Change it a little, repeat: **gradient ascent**. Here is that gradient, for your photo.

# %%
picture = seen.clone().requires_grad_(True)
score = model(picture).max()          # of the first guess
score.backward()
gradient = picture.grad[0]
strong = 3 * gradient.std()
lab.show([seen[0], 0.5 + gradient / (2 * strong)], ["your photo", f"which way, for more “{guess.name}”"], width=227)

# %% [markdown]
# ## Your turn: the objective
#
# We paint several pictures at once, one for each unit in `units`. `activations` is (pictures, units of the layer, height, width).
#
# Return one number for each picture, the **objective**: for picture i the mean, over all places, of the activation of unit `units[i]`.

# %% tags=["check"]
# The check of the exercise below, with our own answer. Run it, read it later.
def excitement_reference(activations, units):
    own = activations[torch.arange(len(units)), units]
    return own.mean(dim=(1, 2))


@lab.checker(reference=excitement_reference)
def excitement(answer):
    dice = torch.Generator().manual_seed(4)
    for chosen, shape in (([4, 0, 2], (5, 4, 6)), ([3, 3], (7, 3, 2)), ([1], (3, 2, 5)), ([2, 1, 0, 3], (4, 1, 1))):
        units, count = torch.tensor(chosen), len(chosen)
        activations = torch.randn(count, *shape, generator=dice, requires_grad=True)
        found = answer(activations, units)
        lab.expect(isinstance(found, torch.Tensor), f"It returns {type(found).__name__}. It has to `return` a tensor, one number for each picture.")
        own = excitement_reference(activations, units)
        shapes = {
            (): "That is one number for all pictures together. Each picture needs its own: take the mean over dim=(1, 2), the places, only.",
            (count, *shape): "Those are all activations. Choose each picture's own unit first, then take the mean over its places.",
            (count, *shape[1:]): "Those are the maps of the right shape: one for each picture. Now their mean over the places, .mean(dim=(1, 2)).",
            (count, count, *shape[1:]): "`activations[:, units]` takes every unit for every picture. Picture i is to get units[i] only: activations[torch.arange(len(units)), units].",
            (count, count): "`activations[:, units]` takes every unit for every picture. Picture i is to get units[i] only: activations[torch.arange(len(units)), units].",
            (count, shape[0]): "Those are the means of all units of the layer. Choose each picture's own: [torch.arange(len(units)), units].",
        }
        if found.shape != own.shape:
            lab.expect(False, shapes.get(tuple(found.shape), f"One number for each picture: the shape ({count},). Yours is {tuple(found.shape)}."))
        maps, rows = activations[torch.arange(count), units], torch.arange(count)
        usual = {
            "The sign is turned around: the optimizer's loop has the minus already.": -own,
            "That is the sum over the places. Take the mean, so that small and large pictures compare.": maps.sum(dim=(1, 2)),
            "That is the strongest place only. Take the mean over all places: .mean(dim=(1, 2)).": maps.amax(dim=(1, 2)),
            "Every picture is asked for the unit units[0]. Picture i is for units[i].": activations[:, units[0]].mean(dim=(1, 2)),
            "Picture i is asked for unit i. It is for the unit units[i].": activations[rows, rows % shape[0]].mean(dim=(1, 2)),
            "Every unit is asked about the first picture. Picture i has to answer for units[i].": activations[0, units].mean(dim=(1, 2)),
            "`activations[:, units]` takes every unit for every picture, and you took the mean of them all. Picture i is for units[i] only.":
                activations[:, units].mean(dim=(1, 2, 3)),
            "That is the mean over all units of the layer. Choose each picture's own unit first.": activations.mean(dim=(1, 2, 3)),
        }
        for message, wrong in usual.items():
            if not torch.allclose(wrong, own, atol=1e-5):
                lab.expect(not torch.allclose(found, wrong, atol=1e-5), message)
        lab.expect(torch.allclose(found, own, atol=1e-5), "One number for each picture, but not the mean of its own unit over all places.")
        lab.expect(found.requires_grad, "The numbers are right, but cut off from the picture: no gradient can flow back. Leave out .detach(), .item(), torch.tensor() and no_grad.")


# %% tags=["exercise"]
def excitement(activations, units):
    """(pictures, units, height, width) and one unit for each picture → (pictures,)."""
    # --- solution
    own = activations[torch.arange(len(units)), units]
    return own.mean(dim=(1, 2))
    # --- stub
    # # your two lines
    # return activations
    # --- end


lab.check(excitement)

# %% [markdown] tags=["hint"]
# Two steps: first choose one map for each picture, shape (pictures, height, width). Then take the mean of each map.

# %% [markdown] tags=["hint"]
# Two lists of numbers choose pairs: `activations[[0, 1, 2], [5, 9, 7]]` is unit 5 of picture 0, unit 9 of picture 1, unit 7 of picture 2.
# The first list is `torch.arange(len(units))`.

# %% [markdown] tags=["hint"]
# Return `activations[torch.arange(len(units)), units].mean(dim=(1, 2))`.

# %% [markdown]
# ## Paint
#
# The canvas holds numbers that become pictures. With each step, what does not help **fades** (`weight_decay`), and the network sees the
# pictures moved, turned and zoomed a little, each time differently.

# %%
def wobble(pictures, shift=0.1, turn=0.1, zoom=0.1):
    """Each picture moved (of half its width), turned (radians) and zoomed, at random."""
    def dice(most):
        return (2 * torch.rand(len(pictures)) - 1) * most

    angle, scale = dice(turn), 1 + dice(zoom)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    across = torch.stack([cos, -sin, dice(shift)], dim=1)
    down = torch.stack([sin, cos, dice(shift)], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), pictures.shape, align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def answers(pictures, layer):
    """What a layer says, (pictures, units, height, width); for class scores 1 × 1."""
    found = model.activation(pictures, layer)
    return found if found.dim() == 4 else found[:, :, None, None]

# %%
excitement = lab.use("excitement")


def paint(layer, units, size, title, kind="waves", view=wobble):
    """A picture for each unit that excites it, (units, 3, size, size)."""
    canvas = lab.Canvas(size, size, count=len(units), kind=kind, noise=0.1)
    optimizer = torch.optim.AdamW(canvas.parameters(), 0.05, weight_decay=0.8)
    units, steps = torch.tensor(units), lab.pace(120)
    live = lab.Live(steps, seconds=30, title=title)
    for _ in live:
        pictures = canvas()
        excited = excitement(answers(view(pictures), layer), units)
        loss = -excited.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        live.log(activation=excited.mean())
        live.image(torch.cat(list(pictures.detach()), dim=2))
    return canvas().detach(), live

# %% [markdown]
# **What do you expect?** We paint for one unit three times: pixel by pixel; with **waves** (as in *Paint the cat*) in place of pixels; with waves
# and the wobble. Which excites the unit most? Which will you recognize?

# %%
layer, unit, size = ("fire8/expand1x1", 96, 128) if full else ("logits", 5, 32)
ways = {"pixels": ("pixels", lambda p: p), "waves": ("waves", lambda p: p), "waves, wobbled": ("waves", wobble)}
pictures, captions = [], []
for name, (kind, view) in ways.items():
    torch.manual_seed(lab.seed())
    painted, _ = paint(layer, [unit], size, name, kind, view)
    with torch.no_grad():
        excited = excitement(answers(painted, layer), torch.tensor([unit]))
    pictures.append(painted[0])
    captions.append(f"{name}: {excited.item():,.1f}")
lab.show(pictures, captions, columns=3, width=220)

# %% [markdown]
# Free pixels score, but nobody can read them; waves tie neighbors together, and the wobble keeps what survives being moved. (Our small network resists
# tiny changes: there even pixels can be read.)
#
# ## Sixteen units
#
# Four layers, shallow to deep, chosen by us among many. The last row shows classes: things with a name.

# %%
# Layers before their ReLU: after it a unit that is silent has no gradient.
if full:
    classes = {1: "goldfish", 130: "flamingo", 84: "peacock", 992: "agaric, a mushroom"}
    wall = {    # layer: size of the pictures, units
        "fire4/expand3x3": (160, [23, 82, 127, 14]),
        "fire6/expand1x1": (160, [57, 172, 158, 69]),
        "fire8/expand1x1": (160, [26, 96, 123, 119]),
        "conv10": (160, list(classes)),
    }
else:
    classes = {2: "bird", 7: "horse", 8: "ship", 9: "truck"}
    wall = {
        "conv3": (64, [31, 33, 35, 36]),
        "conv4": (64, [22, 33, 37, 102]),
        "conv7": (64, [8, 79, 154, 188]),
        "logits": (32, list(classes)),
    }

# %%
torch.manual_seed(lab.seed())
paintings, labels, cpu_seconds = {}, [], 0
for layer, (size, units) in wall.items():
    name = layer.partition("/")[0]
    paintings[layer], live = paint(layer, units, size, f"Four units of {name}")
    cpu_seconds += live.cpu_seconds
    last = layer == list(wall)[-1]
    labels += [classes[unit] if last else f"{name}, unit {unit}" for unit in units]
lab.report(cpu_seconds_units=cpu_seconds)

# %% [markdown]
# ## Better than our photos?
#
# We cut our photos into squares of the same size, look for the one that excites each unit most, and compare, now without any wobble.

# %%
names = ["astronaut", "chelsea", "china", "coffee", "flower", "hubble", "rocket"]
photos = [lab.sample_photo(name, 512) for name in names] + [mine]
photos = [photo.permute(2, 0, 1)[None] for photo in photos]


def squares(size):
    """Our photos at three sizes, cut into overlapping squares, (squares, 3, size, size)."""
    cut = []
    for photo in photos:
        for side in (size, 2 * size, 3 * size):
            scaled = F.interpolate(photo, size=(side, side), mode="bilinear", antialias=True)
            for top in range(0, side - size + 1, size // 2):
                for left in range(0, side - size + 1, size // 2):
                    cut.append(scaled[:, :, top:top + size, left:left + size])
    return torch.cat(cut)

# %%
@torch.no_grad()
def best_square(layer, units, size):
    """For each unit the square that excites it most, and how much."""
    cut = squares(size)
    found = [answers(some, layer)[:, units].relu().mean(dim=(2, 3)) for some in cut.split(32)]
    most, which = torch.cat(found).max(dim=0)
    return cut[which], most


gains, pairs = [], []
for layer, (size, units) in wall.items():
    with torch.no_grad():
        ours = excitement(answers(paintings[layer], layer).relu(), torch.tensor(units))
    square, most = best_square(layer, units, size)
    gain = (ours / most.clamp_min(1e-3)).tolist()
    gains += gain
    pairs += list(zip(square, paintings[layer], gain))[:2]
lab.report(gain=torch.tensor(gains).median().item(), gain_least=min(gains), squares=len(squares(size)))

# %%
top = [square for square, _, _ in pairs]
below = [painting for _, painting, _ in pairs]
captions_below = [f"{gain:.1f} ×" for _, _, gain in pairs]
title = "Above: the best square of our photos. Below: the painting, and how much more it excites the unit."
lab.show(top + below, ["photo"] * len(top) + captions_below, columns=8, width=96, title=title)

# %% [markdown]
# Cover the paintings: could you have told from the squares what the unit looks for? The other way round: if a unit loves a painting full of eyes, is it *about*
# eyes? That is a guess; nobody knows for sure.
#
# ## Your own
#
# Which unit does **your** photo excite most, compared with all the others?

# %%
layer, size = ("fire8/expand3x3", 160) if full else ("conv7", 64)
shown = F.interpolate(mine.permute(2, 0, 1)[None], size=(size, size), mode="bilinear", antialias=True)
with torch.no_grad():
    others = torch.cat([answers(some, layer).relu().mean(dim=(2, 3)) for some in squares(size)[::3].split(32)])
    own = answers(shown, layer)[0].relu()
unit = (own.mean(dim=(1, 2)) / (others.mean(dim=0) + others.mean())).argmax().item()
torch.manual_seed(lab.seed())
painted, _ = paint(layer, [unit], size, f"Unit {unit} of {layer.partition('/')[0]}, for you")

# %%
where = own[unit] / own[unit].max()
captions_yours = ["your photo", f"where unit {unit} fires", "what it likes best"]
lab.show([shown[0], where, painted[0]], captions_yours, columns=3, width=200)

# %% [markdown]
# ## The picture
#
# Shallow at the top, deep at the bottom: from weaves over scales and eyes to things with a name. Hang it on a wall.

# %%
pictures = [painting for layer in wall for painting in paintings[layer]]
pictures = [    # more pixels, smooth between those that were painted
    F.interpolate(painting[None], size=(240, 240), mode="bicubic")[0].clamp(0, 1)
    for painting in pictures
]
alt = "Sixteen paintings in four rows, shallow to deep: patterns, textures, parts, things."
grid = lab.images(pictures, labels, columns=4, width=200, pixelated=False, alt=alt)
lab.save_picture("what_does_it_see.png", grid)

# %% [markdown]
# ## What you did
#
# - You looked through a network: its filters, its feature maps of your photo, and the places it goes by.
# - You wrote the objective, and gradient ascent painted pictures that excite a unit {{full.gain:.0f}} times as much as the best of
#   {{full.squares:,.0f}} squares of photos (the median of the sixteen; the least: {{full.gain_least:.1f}} times).
# - You saw that the canvas decides whether anybody can read the answer.
#
# **For the quick.** (1) Paint two units at once: add the excitement of both, for one picture. (2) Paint what a unit likes *least*: which
# sign, and which layer has numbers below zero? (3) Other units, other layers: `model.layers` names them all.
#
# **Where next.** *DeepDream*: the same gradient, but it starts from your photo.
#
# **Sources.** Erhan et al., *Visualizing higher-layer features of a deep network*, 2009. Occlusion: Zeiler, Fergus, 2014. Waves, colors and wobble: Olah,
# Mordvintsev, Schubert, *Feature visualization*, 2017. SqueezeNet: Iandola et al., 2016. Pictures for robust networks: Engstrom et al., 2019.
