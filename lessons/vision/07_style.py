# ---
# handson:
#   title: Style
#   promise: A network looks at a painting and a photo, and you paint the photo in the painting's manner.
#   minutes: 15
#   cpu_seconds: 220
#   memory_mb: 1500
#   target:
#     full: [cpu_seconds_painting <= 50, style_left <= 0.12, content_lost <= 0.6, shuffled_share <= 0.2]
#     embedded: [cpu_seconds_painting <= 70, style_left <= 0.12, content_lost <= 0.6, shuffled_share <= 0.2]
#   picture: style.png
#   picture_alt: A cat's portrait in thick blue and yellow strokes that swirl; beside it, small, the photo and the painting it was made from.
#   assets: [cat, squeezenet-1.1]
#   tiers: [laptop, room, image]
#   agenda: [120]
#   author: The handson maintainers
#   covers:
#     - I can say what a Gram matrix is, and I wrote one.
#     - I painted a photo in the manner of a painting, by gradient descent on the picture.
#     - I know what shallow and deep layers contribute, because I left them out.
#     - I saw which help a small network needs, and which it does not.
# ---

# %% [markdown]
# # Style
#
# {{picture}}
#
# At the left a photo, a painting and a step on the way; large, the photo in the painting's manner: {{full.cpu_seconds_painting:.0f}} seconds of a laptop core's work, and no
# artist was asked. In fifteen minutes you will have made one, and then one from a photo and a painting of your own.

# %% [markdown] tags=["notes"]
# **One breath.** "A network that learned to name things can say two things about a picture: what is where, and which textures and colors go
# together. We take the first from the photo and the second from the painting."
#
# **What people ask.** *Is this how image generators do it?* No: nothing is learned here, one picture is adjusted. *Is it theft?* Our paintings
# are drawn by a program. Of a living painter's work, ask the painter.
#
# **Where they get stuck.** The exercise: flatten the places, not the batch; the matrix is channels by channels, not places by places.
#
# **When time runs.** Leave out "Does it need help?".

# %%
import copy

import torch
from torch import nn
from torch.nn import functional as F

from handson import lab
from handson.lab import zoo

lab.begin()

# %%
photo = lab.cat(384)                    # 384 × 384 pixels, each with red, green and blue, 0 to 1
names = ["night", "glass", "shapes"]
paintings = [lab.painting(name, 384) for name in names]
lab.show([photo, *paintings], ["photo", *names], columns=4, title="A photo, and three paintings drawn by a program")

# %% [markdown]
# ## One idea
#
# A network that was trained to name things looks in **layers**: the first finds edges and colors, later ones find strokes, textures, parts. Each layer
# has **channels**; each channel says at every place how strongly it found its **feature**.
#
# No download: without the fetched network, a small one that comes with handson is used.

# %%
network = zoo.load("squeezenet-1.1", otherwise="cifar-robust")
if network.card.name == "squeezenet-1.1":
    LAYERS = ["relu_conv1", *(f"fire{n}/concat" for n in range(2, 8))]
    CONTENT = "fire6/concat"
else:
    LAYERS = ["relu1", "relu2", "relu3", "relu4", "relu5"]
    CONTENT = "relu5"


def ready(picture, size=384):
    """A photo (height, width, 3) as a network takes it: (1, 3, size, size)."""
    return F.interpolate(picture.permute(2, 0, 1)[None], (size, size), mode="area")


for layer in LAYERS:
    channels, height, width = network.activation(ready(photo), layer).shape[1:]
    print(f"{layer:13s} {channels:4d} channels, {height:3d} × {width} places")

# %% [markdown]
# The **content** is what a deeper layer says: which feature is where. **Style** must not depend on where: which features come *together*?
#
# ## Your turn: the Gram matrix
#
# `features` is (pictures, channels, height, width). For each pair of channels, take the product at every place, and the **mean over the places**. The
# result is (pictures, channels, channels).

# %% tags=["check"]
# The check of the exercise below, with our own answer. Run it, read it later.
def gram_reference(features):
    pictures = features.permute(0, 2, 3, 1).flatten(1, 2)     # one row for each place
    return torch.stack([rows.T @ rows / len(rows) for rows in pictures])


@lab.checker(reference=gram_reference)
def gram(answer):
    dice = torch.Generator().manual_seed(2)
    for pictures, channels, height, width in ((2, 3, 4, 5), (1, 4, 3, 5), (3, 5, 2, 6)):
        features = torch.randn(pictures, channels, height, width, generator=dice) + 0.5
        given, places = features.clone(), height * width
        try:
            found = answer(given)
        except RuntimeError as error:
            lab.expect(False, f"PyTorch cannot do this: {str(error).splitlines()[0]} Print the shapes: what stands on the left of @ has as many columns as the right has rows.")
        lab.expect(isinstance(found, torch.Tensor), f"It returns {type(found).__name__}. It has to `return` the matrices, a tensor.")
        found = found.float()
        lab.expect(torch.equal(given, features), "It changes the features themselves. Make a new tensor.")
        rows = features.flatten(2)
        shape = (pictures, channels, channels)
        lab.expect(found.shape != (pictures, places, places), "That is a table of *places*. Transpose the other factor: the places are what you sum over.")
        lab.expect(found.shape != (pictures * channels, pictures * channels), "The channels of different pictures are mixed in one table. Keep the first dimension: `features.flatten(2)`, not reshape(N · C, …).")
        lab.expect(found.shape != (channels, channels), f"One table for each picture: {shape}. Yours has lost the pictures.")
        lab.expect(found.shape != features.shape, "That still has places in it. The table has a number for each pair of channels.")
        lab.expect(found.shape == shape, f"The shape is to be (pictures, channels, channels), {shape} here; yours is {tuple(found.shape)}.")
        product = rows @ rows.transpose(1, 2)
        centered = rows - rows.mean(2, keepdim=True)
        usual = {
            "Everywhere 0. Multiply the channels with one another.": 0 * product,
            "Almost: that is the sum over the places. Take the mean, so that a large picture and a small one can be compared.": product,
            "Almost: you divide by channels × places. It is the mean over the places only: divide by height × width.": product / (channels * places),
            "You divide by the number of channels. It is the mean over the places: divide by height × width.": product / channels,
            "You divide by the height only. There are height × width places.": product / height,
            "You divide by the width only. There are height × width places.": product / width,
            "You divide by the number of all features, pictures included. Divide by height × width.": product / features.numel(),
            "You take each channel's mean away first (a covariance). A fine idea, but not asked for: keep the features as they are.": centered @ centered.transpose(1, 2) / places,
            "That is each channel times its own mean, no pair of channels. A matrix product sums over the places.": rows.mean(2)[:, :, None] * rows.mean(2)[:, None, :],
        }
        right = gram_reference(features)
        for message, wrong in usual.items():
            if not torch.allclose(wrong, right, atol=1e-5):
                lab.expect(not torch.allclose(found, wrong, atol=1e-5), message)
        lab.expect(torch.allclose(found, right, atol=1e-5), "The shape is right, the numbers are not: for channels a and b, the mean over all places of a times b.")


# %% tags=["exercise"]
def gram(features):
    """Which channels fire together: (N, C, H, W) → (N, C, C), means over the places."""
    # --- solution
    pictures = features.permute(0, 2, 3, 1).flatten(1, 2)     # one row for each place
    return torch.stack([rows.T @ rows / len(rows) for rows in pictures])
    # --- stub
    # # your two or three lines
    # return features
    # --- end


lab.check(gram)

# %% [markdown] tags=["hint"]
# `pictures = features.permute(0, 2, 3, 1).flatten(1, 2)` has a row for each place, with its channels: (pictures, places, channels).

# %% [markdown] tags=["hint"]
# For one picture's rows, `rows.T @ rows` multiplies each channel with each other and sums over the places.

# %% [markdown] tags=["hint"]
# Divide that by the number of places, `len(rows)`, for each picture, and put the tables together with `torch.stack([…])`.

# %% [markdown]
# ## It does not care where
#
# Cut the painting into 36 tiles and shuffle them. **What do you expect?** How far will its Gram matrices be from the painting's own, against those of
# the photo: half as far? A tenth?

# %%
gram = lab.use("gram")


def shuffled(picture, tile=64):
    """The picture's tiles in another order."""
    rows = picture.unfold(0, tile, tile).unfold(1, tile, tile)      # (6, 6, 3, tile, tile)
    tiles = rows.flatten(0, 1)[torch.randperm(36)]
    rows = [torch.cat(list(row), dim=2) for row in tiles.split(6)]
    return torch.cat(rows, dim=1).permute(1, 2, 0)


def apart(found, wanted):
    """How far two tensors are apart: the squared difference, as a share of what is wanted."""
    return (found - wanted).square().sum() / wanted.square().sum()

# %%
@torch.no_grad()
def style_apart(picture, painting):
    """How far a picture's Gram matrices are from the painting's, mean over LAYERS."""
    seen = network.activations(ready(picture), LAYERS)
    wanted = network.activations(ready(painting), LAYERS)
    return sum(apart(gram(seen[a]), gram(wanted[a])).item() for a in LAYERS) / len(LAYERS)


torch.manual_seed(lab.seed())
painting = paintings[0]
tiles = shuffled(painting)
start = style_apart(photo, painting)
lab.report(shuffled_share=style_apart(tiles, painting) / start)
far = {"the photo": start, "tiles, shuffled": style_apart(tiles, painting)}
lab.show([painting, tiles], ["the painting", "its tiles, shuffled"], columns=2, width=200)
lab.bars(far, title="How far from the painting's Gram matrices", highlight="tiles, shuffled")

# %% [markdown]
# The tiles show another picture, and nearly the same style. What is left comes from the seams.
#
# ## The loss
#
# The picture is to have the painting's Gram matrices and the photo's content. A third, small part asks neighboring pixels to be alike: it keeps
# speckles away.

# %%
def look(picture, layers):
    """What the layers say to a picture."""
    return network.activations(picture, layers)


@torch.no_grad()
def goal(photo, painting, layers, look):
    """What the picture is to have: Gram matrices by layer, and the photo's content."""
    seen = look(painting, layers)
    return {a: gram(seen[a]) for a in layers}, look(photo, [CONTENT])[CONTENT]


def loss_of(picture, grams, content, look, weight=0.1):
    seen = look(picture, [*grams, CONTENT])
    style = sum(apart(gram(seen[a]), grams[a]) for a in grams) / len(grams)
    across, down = picture.diff(dim=3), picture.diff(dim=2)
    rough = across.square().mean() + down.square().mean()
    return style + weight * apart(seen[CONTENT], content) + 0.3 * rough

# %% [markdown]
# ## Painting
#
# No weight of the network changes. We turn the numbers of the **picture**: forward through the network, backward to the picture, one step.
#
# Three things help: begin with the photo in the painting's **colors**; paint it **small** at first, for large strokes;
# and turn **waves** instead of pixels (as in *Paint the cat*), which a `lab.Canvas` does.

# %%
def in_colors_of(painting, photo):
    """The photo, with the mean and the spread of red, green and blue as in the painting."""
    def mean(picture): return picture.mean(dim=(2, 3), keepdim=True)
    def spread(picture): return picture.std(dim=(2, 3), keepdim=True)

    return (photo - mean(photo)) / spread(photo) * spread(painting) + mean(painting)


def easel(picture, size, steps, kind="waves", rate=0.03):
    """A canvas that shows the picture at that size, and what adjusts it."""
    picture = F.interpolate(picture, (size, size), mode="bicubic").clamp(0, 1)
    canvas = lab.Canvas(size, size, kind=kind)
    canvas.begin_with(picture)
    optimizer = torch.optim.Adam(canvas.parameters(), rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(      # large steps, then small
        optimizer, rate, total_steps=steps, pct_start=0.1)
    return canvas, optimizer, schedule

# %%
def paint(picture, photo, painting, sizes, steps, title, layers=LAYERS, look=look, kind="waves"):
    """Adjust `picture` at each of `sizes`; returns frames from the first to the last."""
    each = -(-steps // len(sizes))                       # steps at each size
    frames, moments = [picture], {round(steps * share) for share in (0.04, 0.1, 0.3, 0.5, 0.75)}
    live = lab.Live(each * len(sizes), seconds=90, title=title, y_label="loss", log=True)
    for step in live:
        if step % each == 0:
            size, begin = sizes[step // each], canvas().detach() if step else picture
            canvas, optimizer, schedule = easel(begin, size, each, kind)
            grams, content = goal(ready(photo, size), ready(painting, size), layers, look)
        loss = loss_of(canvas(), grams, content, look)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        live.log(loss=loss)
        if step in moments:
            frames.append(canvas().detach())
            live.image(frames[-1][0])
    return [frame[0].permute(1, 2, 0).clamp(0, 1) for frame in [*frames, canvas().detach()]], live

# %%
torch.manual_seed(lab.seed())
first = in_colors_of(ready(painting), ready(photo))
frames, live = paint(first, photo, painting, [96, 192, 384], lab.pace(200), "In the manner of night")
result = frames[-1]
lab.report(cpu_seconds_painting=live.cpu_seconds, style_left=style_apart(result, painting) / start)
lab.report(parameters=sum(p.numel() for p in network.parameters()))

# %%
@torch.no_grad()
def content_apart(picture, photo):
    return apart(network.activation(ready(picture), CONTENT), network.activation(ready(photo), CONTENT)).item()


lab.report(content_lost=content_apart(result, photo) / content_apart(painting, photo))
captions = ["begin", *[""] * (len(frames) - 2), "done"]
lab.show(frames, captions, columns=len(frames), width=88, title="From the first step to the last")
lab.show(result, "The photo, in the manner of the painting", width=480)

# %% [markdown]
# ## Turn a knob: which layers?
#
# The style came from all layers of the list. **What do you expect** of the first two alone, and of the last two? Guess which one brings the colors and
# which one the swirls. Then run.

# %%
def try_out(title, begin=None, sizes=(128, 256), steps=80, **options):
    """A small painting, to compare."""
    torch.manual_seed(lab.seed())
    begin = first if begin is None else begin
    frames, _ = paint(begin, photo, painting, sizes, lab.pace(steps), title, **options)
    return frames[-1]


untouched = ready(photo)                                # in its own colors
tries = {
    "first two": try_out("The first two layers", untouched, layers=LAYERS[:2]),
    "last two": try_out("The last two layers", untouched, layers=LAYERS[-2:]),
    "all": try_out("All layers", untouched),
}
lab.show(list(tries.values()), list(tries), columns=3)

# %% [markdown]
# The first layers bring colors and grain; the last ones bring longer strokes and curls. A manner of painting is on all scales.
#
# ## Does it need help?
#
# Style transfer was invented with VGG-19, a network of 144 million parameters; yours has {{full.parameters:,.0f}}. Light networks are said to need help. Four
# tries: **which would you hang up?**

# %%
random_network = copy.deepcopy(network)                  # never trained at all
torch.manual_seed(lab.seed())
for numbers in random_network.parameters():
    nn.init.kaiming_normal_(numbers) if numbers.dim() > 1 else nn.init.zeros_(numbers)


def look_softened(picture, layers):
    """Softmax over the channels: which feature is strongest at a place, not how strong."""
    seen = network.activations(picture, layers)
    return {a: (seen[a] / seen[a].detach().std()).softmax(dim=1) for a in layers}


tries = {
    "no help": try_out("No help", untouched, sizes=(256,), kind="pixels"),
    "with our three helps": try_out("Our three helps"),
    "and softened": try_out("Softened", look=look_softened),
    "an untrained network": try_out("Untrained", look=random_network.activations),
}
lab.show(list(tries.values()), list(tries), columns=2, width=300)

# %% [markdown]
# Our helps count most. Softmax helps **residual** networks, whose activations have few, high peaks (SWAG); with yours it gains little. An untrained
# network knows colors and grain, but no stroke.
#
# ## Your own
#
# Drop a photo on the first field and a painting on the second, one with strong strokes. Then run the cells again.

# %%
mine = lab.your_photo(photo, size=384)

# %%
manner = lab.your_painting(paintings[1], size=384)

# %%
torch.manual_seed(lab.seed())
begin = in_colors_of(ready(manner), ready(mine))
ours = mine is photo and manner is paintings[1]          # then a small one will do
sizes, steps = ([128, 256], 80) if ours else ([96, 192, 384], 200)
own, live = paint(begin, mine, manner, sizes, lab.pace(steps), "Yours")
lab.show([mine, manner, own[-1]], ["photo", "painting", "yours"], columns=3)

# %% [markdown]
# ## The picture
#
# The photo, the painting, a step on the way, and what became of them. For yours: `beside(own[-1], mine, manner, own[2])`.

# %%
def beside(result, *sources, gap=6):
    """The result, and three pictures it came from, one above the other at its left."""
    size = result.shape[0]
    small = (size - 2 * gap) // 3
    column = [F.pad(ready(source, small), (0, gap, 0, gap), value=1.0) for source in sources]
    left = torch.cat(column, dim=2)[0, :, :size].permute(1, 2, 0)
    return torch.cat([left, result], dim=1)


alt = "A photo, a painting, a step on the way, and large, the photo in the manner of the painting."
lab.save_picture("style.png", beside(result, photo, painting, frames[len(frames) // 2]), alt=alt)

# %% [markdown]
# ## What you did
#
# - You wrote the Gram matrix: which features go together, wherever they are.
# - You painted by gradient descent on a picture, and no weight moved.
# - You took layers, training and helps away, and saw what each was for.
#
# **For the quick.** (1) Two painters at once: `goal` with the mean of two paintings' Gram matrices. (2) The painting's strokes in the photo's own
# colors: keep the brightness of `result` and take the rest from the photo.
#
# **Sources.** Gram matrices: Gatys, Ecker, Bethge, *A neural algorithm of artistic style*, 2015. Softmax for residual networks: Wang, Li, Vasconcelos, *Rethinking and
# improving the robustness of image style transfer* (SWAG), CVPR 2021. Untrained networks: He, Wang, Hopcroft, *A powerful generative model using random weights*, 2016.
# SqueezeNet: Iandola et al., 2016.
