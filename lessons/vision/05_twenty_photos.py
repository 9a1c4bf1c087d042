# ---
# handson:
#   title: Twenty photos
#   promise: Ten photos of this, ten of that, and a few seconds later your laptop tells them apart. Also yours.
#   minutes: 11
#   cpu_seconds: 30
#   memory_mb: 1300
#   target:
#     full: [loo_cats_dogs >= 0.9, loo_sandals_boots >= 0.9, cpu_seconds_leave_one_out <= 5, cpu_seconds_features <= 20, pixels_cats_dogs <= 0.85, leak_on_noise >= 0.9, mended_on_noise <= 0.75]
#     embedded: [loo_cats_dogs >= 0.9, loo_sandals_boots >= 0.9, cpu_seconds_leave_one_out <= 5, cpu_seconds_features <= 10, pixels_cats_dogs <= 0.85, leak_on_noise >= 0.9, mended_on_noise <= 0.75]
#   picture: twenty_photos.png
#   picture_alt: A wall of 32 photos, sorted from the surest cat to the surest dog, each with what the network says and how sure it is; mistakes are framed.
#   assets: [squeezenet-1.1, cats, dogs, fashion-mnist]
#   tiers: [page, laptop, room, image]
#   agenda: [60, 120]
#   author: The handson maintainers
#   covers:
#     - I can teach a laptop two kinds of my own from ten photos each, with a network that somebody else trained.
#     - I wrote leave-one-out, and I know why right answers on the training photos mean nothing.
#     - I saw a leak turn pure noise into twenty right answers of twenty.
#     - I measured what wrong labels cost, and let the computer find them.
# ---

# %% [markdown]
# # Twenty photos
#
# {{picture}}
#
# Ten photos of cats, ten of dogs, no more: then a laptop sorted these twenty and twelve others. Each was judged by a classifier that had
# never seen it; mistakes are framed. Of the twenty, {{full.loo_cats_dogs:.0%}} came out right, in {{full.cpu_seconds_leave_one_out:.1f}} seconds of work.

# %% [markdown] tags=["notes"]
# **One breath.** "Somebody's network has seen a million photos. We keep all it knows, and add one layer of our own: twenty photos are enough
# for that. And then we ask the only question that counts: how good is it, really?"
#
# **What people ask.** *Did it learn dogs, or lawns?* Nobody knows before trying: show it a cat on a lawn. *Can I use it in my shop?* Yes, with
# a person behind it, and with more than twenty test photos.
#
# **Where they get stuck.** The exercise: "all but one" as an index. `torch.arange(n) != i` is the shortest way.
#
# **When time runs.** Leave out the goods or the noise; keep the wrong labels.
#
# **If the wall goes into your slides.** Some of the dogs want their photographers named: they stand at the end.

# %%
import time

import torch
from torch.nn import functional as F

from handson import lab
from handson.lab import zoo

torch.manual_seed(lab.seed())
lab.begin()

# %%
photos = lab.twenty("cats", "dogs")
said = [photos.names[int(label)] for label in photos.labels]
lab.show(list(photos.pictures), said, columns=10, width=76, title="All there is to learn from")

# %% [markdown]
# ## One idea
#
# A network that learned to name a great many photos had to find out what helps: fur, wheels, snouts. Its last layer but one says how much
# of each is in a photo. These numbers are **features**.
#
# We **freeze** that network, and train one small layer on its features.

# %%
network = zoo.load("squeezenet-1.1", otherwise="cifar-medium")
layer = network.card.good_layers[-1]


@torch.no_grad()
def features(pictures):
    """What the frozen network says of each picture: (N, 3, H, W) → (N, features)."""
    side, found = network.card.size, []            # it learned on pictures of this size
    for some in pictures.split(10):
        some = F.interpolate(some, (side, side), mode="bilinear", antialias=True)
        maps = network.activation(some, layer)
        found.append(maps.mean(dim=(2, 3)))        # averaged over the picture
    return torch.cat(found)


seen, labels = features(photos.pictures), photos.labels
print(f"{len(seen)} photos, {seen.shape[1]} features each")

# %% [markdown]
# One feature of them all: the one in which the two kinds differ most. Nobody told the network about it. **What do you think it looks for?**

# %%
first, second = seen[labels == 0], seen[labels == 1]
gap = (second.mean(0) - first.mean(0)).abs() / (seen.std(0) + 1e-6)
one = seen[:, gap.argmax()]
order = one.argsort()
values = [f"{value:.2f}" for value in one[order]]
title = f"Feature {gap.argmax()}, from little to much"
lab.show(list(photos.pictures[order]), values, columns=10, width=76, title=title)

# %% [markdown]
# ## One small layer
#
# A weighted sum of the features; `sigmoid` turns it into the probability of the second kind. The gradient is the one of *Digits*: probability −
# label.
#
# First all features are brought to one scale (**standardized**), so that no loud one drowns the others.

# %%
def train(features, labels, steps=200):
    """Logistic regression: returns a function from features to probabilities."""
    mean, spread = features.mean(0), features.std(0) + 1e-6
    standard = (features - mean) / spread
    weights, bias = torch.zeros(features.shape[1]), 0.0
    for _ in range(steps):
        probability = (standard @ weights + bias).sigmoid()
        error = probability - labels
        weights -= standard.T @ error / standard.numel()    # a step downhill
        bias -= error.mean()
    return lambda some: ((some - mean) / spread @ weights + bias).sigmoid()


def accuracy(probability, labels):
    return ((probability > 0.5) == (labels > 0.5)).float().mean().item()

# %% [markdown]
# **What do you expect**, of 20? And if dice throw the labels, so that there is nothing to learn?

# %%
pixels = F.interpolate(photos.pictures, (32, 32), mode="bilinear", antialias=True).flatten(1)
dice = labels[torch.randperm(20)]
for name, numbers in {"features": seen, "plain pixels": pixels}.items():
    for what, truth in {"true labels": labels, "labels by dice": dice}.items():
        classify = train(numbers, truth, steps=2000)
        right = round(20 * accuracy(classify(numbers), truth))
        print(f"{name}, {what}: {right} of 20 right")

# %% [markdown]
# It knows them by heart, dice included. Answers on photos it has learned from say **nothing**.
#
# ## Your turn: leave one out
#
# We have no photos to spare. So: put photo 0 aside, train on the other nineteen, ask for photo 0. Then photo 1, and so on:
# twenty classifiers, each asked about the one photo it has not seen.

# %% tags=["check"]
# The check of the exercise below, with our own answer. Run it, read it later.
def leave_one_out_reference(features, labels, train):
    probabilities = torch.zeros(len(features))
    for i in range(len(features)):
        others = torch.arange(len(features)) != i
        classify = train(features[others], labels[others])
        probabilities[i] = classify(features[i])
    return probabilities


def spy(sizes, photos=0):
    """A `train` that writes down how many photos it was given, and whose answers tell every mistake apart."""

    def train(features, labels):
        lab.expect(len(features) == len(labels), "`train` got another number of features than of labels. Leave the same photo out of both.")
        sizes.append(len(features))

        def classify(some):
            others = some.dim() == 2 and len(some) > 1 and len(features) < photos
            lab.expect(not others, "You ask about the photos that it has learned from. Ask about the one left out: `classify(features[i])`.")
            return some @ features.mean(0) * 0.1 + (labels * features[:, 0]).sum() * 0.01

        return classify

    return train


def usual_mistakes(features, labels, train):
    n, everybody = len(features), train(features, labels)
    turned = [train(features[torch.arange(n) != i], labels[torch.arange(n) != i]) for i in range(n)]
    scaled = (features - features.mean(0)) / features.std(0)
    leaking = [train(scaled[torch.arange(n) != i], labels[torch.arange(n) != i])(scaled[i]) for i in range(n)]
    return {
        "It was trained on all photos, also on the one it is asked about: a leak. Leave row i out of features *and* labels.": everybody(features),
        "Each classifier is asked about another photo than the one it has not seen. Ask about `features[i]`.": torch.stack([turned[i](features[(i + 1) % n]) for i in range(n)]),
        "You trained on the one photo and asked … that same photo. It is the other way around: train on the others.": torch.stack([train(features[i : i + 1], labels[i : i + 1])(features[i]) for i in range(n)]),
        "You standardized before leaving one out: its numbers leak into mean and spread. Hand `train` the raw features; it standardizes by itself.": torch.stack(leaking),
    }


@lab.checker(reference=leave_one_out_reference)
def leave_one_out(answer):
    dice = torch.Generator().manual_seed(2)
    for count in (5, 8):
        some, truth = torch.randn(count, 3, generator=dice), torch.arange(count).float() % 2
        given, given_truth, sizes = some.clone(), truth.clone(), []
        found = answer(given, given_truth, spy(sizes, count))
        lab.expect(isinstance(found, torch.Tensor), f"It returns {type(found).__name__}. It has to `return` the probabilities, one tensor.")
        lab.expect(found.dim() == 1 and len(found) == count, f"One probability for each photo: shape ({count},) here; yours is {tuple(found.shape)}.")
        lab.expect(torch.equal(given, some) and torch.equal(given_truth, truth), "It changes the features or labels themselves. Take some of the rows instead: `features[others]`.")
        lab.expect(sizes, "Nothing was trained. Call `train(…)` once for each photo, on all the others.")
        for message, wrong in usual_mistakes(some, truth, spy([])).items():
            lab.expect(not torch.allclose(found.float(), wrong.float(), atol=1e-5), message)
        lab.expect(count not in sizes, "A classifier was trained on all photos, also on the one it is asked about: a leak.")
        lab.expect(len(sizes) >= count, f"`train` was called {len(sizes)} times for {count} photos; each needs a classifier of its own.")
        lab.expect(set(sizes) == {count - 1}, f"Each classifier learns from all photos but one: {count - 1} of {count} here; yours from {sorted(set(sizes))}.")
        right = torch.allclose(found.float(), leave_one_out_reference(some, truth, spy([])), atol=1e-5)
        lab.expect(right, "All photos but one each time: right. But the answers do not belong to the photos left out. Put the answer for photo i at place i.")


# %% tags=["exercise"]
def leave_one_out(features, labels, train):
    """For each photo, the probability by a classifier that never saw it: (N,)."""
    probabilities = torch.zeros(len(features))
    # --- solution
    for i in range(len(features)):
        others = torch.arange(len(features)) != i
        classify = train(features[others], labels[others])
        probabilities[i] = classify(features[i])
    # --- stub
    # # your three or four lines
    # --- end
    return probabilities


lab.check(leave_one_out)

# %% [markdown] tags=["hint"]
# A loop over the photos: `for i in range(len(features)):`. In it: whom to learn from, train, ask.

# %% [markdown] tags=["hint"]
# `others = torch.arange(len(features)) != i` is true for every row but row i; `features[others]` are those rows.

# %% [markdown] tags=["hint"]
# `classify = train(features[others], labels[others])`, then `probabilities[i] = classify(features[i])`.

# %% [markdown]
# ## Now it counts
#
# **What do you expect** of plain pixels? And of features?

# %%
leave_one_out = lab.use("leave_one_out")
by_pixels = leave_one_out(pixels, labels, train)
start = time.process_time()
by_features = leave_one_out(features(photos.pictures), labels, train)
cpu_seconds = time.process_time() - start       # from twenty photos to twenty answers

pets = {"plain pixels": accuracy(by_pixels, labels), "features": accuracy(by_features, labels)}
lab.report(pixels_cats_dogs=pets["plain pixels"], loo_cats_dogs=pets["features"])
lab.report(cpu_seconds_leave_one_out=cpu_seconds)
lab.bars(pets, percent=True, title="Right, of photos left out", highlight="features")

# %% [markdown]
# ## Two kinds of goods
#
# The same in a shop: sandals and boots, ten of each. Here are hundreds more that we did not train on, so we can ask
# whether leave-one-out told the truth.

# %%
goods = lab.twenty("sandals", "boots")
start = time.process_time()
shoes, more_shoes = features(goods.pictures), features(goods.more)
lab.report(cpu_seconds_features=time.process_time() - start)

shoe_pixels = F.interpolate(goods.pictures, (32, 32), mode="bilinear", antialias=True).flatten(1)
left_out = leave_one_out(shoes, goods.labels, train)
classify = train(shoes, goods.labels)
more_pixels = F.interpolate(goods.more, (32, 32), mode="bilinear", antialias=True).flatten(1)
by_pixels = train(shoe_pixels, goods.labels)
answers = {
    "pixels, left out": accuracy(leave_one_out(shoe_pixels, goods.labels, train), goods.labels),
    f"pixels, {len(goods.more)} more": accuracy(by_pixels(more_pixels), goods.more_labels),
    "features, left out": accuracy(left_out, goods.labels),
    f"features, {len(goods.more)} more": accuracy(classify(more_shoes), goods.more_labels),
}
pixels_right, _, loo, more = answers.values()
lab.report(loo_sandals_boots=loo, pixels_sandals_boots=pixels_right, more_sandals_boots=more)
lab.bars(answers, percent=True, title="Sandals or boots?", highlight=list(answers)[2:])

# %% [markdown]
# Even pixels do well here: a boot covers more of its picture than a sandal. And **twenty answers are few**: luck easily moves two or three. Before you rely on
# leave-one-out, test on hundreds.
#
# ## Break it: twenty of twenty, from noise
#
# Somebody first picks the 20 best features, then leaves one out. On pure noise:

# %%
def best_features(features, labels, count=20):
    """Which features differ most between the two kinds."""
    first, second = features[labels == 0], features[labels == 1]
    gap = (second.mean(0) - first.mean(0)).abs() / (features.std(0) + 1e-6)
    return gap.topk(count).indices


noise = torch.randn(20, 5000)
best = best_features(noise, labels)
leak = accuracy(leave_one_out(noise[:, best], labels, train), labels)
print(f"Somebody's leave-one-out, on noise: {20 * leak:.0f} of 20")

# %% [markdown]
# Nobody can tell noise from noise. The features were picked **with the labels of all twenty**, also of the one to be left out: a leak. Of 5,000 columns, some fit any
# twenty labels.
#
# The cure: whatever looks at labels belongs inside `train`.

# %%
def train_on_best(features, labels):
    best = best_features(features, labels)      # picked without the one left out
    classify = train(features[:, best], labels)
    return lambda some: classify(some[..., best])


mended = []
for _ in range(10):                             # noise varies; a mean of ten tries
    noise = torch.randn(20, 5000)
    mended.append(accuracy(leave_one_out(noise, labels, train_on_best), labels))
mended = sum(mended) / len(mended)
lab.report(leak_on_noise=leak, mended_on_noise=mended)
tries = {"picked before": leak, "picked inside": mended}
lab.bars(tries, percent=True, title="“Right” on pure noise", highlight="picked before")

# %% [markdown]
# ## Turn a knob: wrong labels
#
# Whoever labels twenty photos in a hurry gets some wrong. We flip 0 to 8 of the labels, train, and test on all those goods with their true
# labels. **What do you expect** of two wrong ones in twenty?

# %%
def with_wrong_labels(labels, count):
    wrong = labels.clone()
    flipped = torch.randperm(len(labels))[:count]
    wrong[flipped] = 1 - wrong[flipped]
    return wrong, flipped.tolist()


curve = []
live = lab.Live(9, title="More and more wrong labels", y_label="accuracy", x_label="round")
for count in live:
    tries = [train(shoes, with_wrong_labels(goods.labels, count)[0]) for _ in range(30)]
    mean = sum(accuracy(t(more_shoes), goods.more_labels) for t in tries) / len(tries)
    curve.append((count, mean))
    live.log(accuracy=mean)

# %%
right = dict(curve)
lab.report(more_with_no_wrong=right[0], more_with_two_wrong=right[2], more_with_six_wrong=right[6])
title = "What wrong labels cost"
lab.plot({"sandals and boots": curve}, x_label="wrong labels of 20", percent=True, levels={"dice": 0.5}, title=title)

# %% [markdown]
# We measured {{full.more_with_no_wrong:.0%}} with no wrong label, {{full.more_with_two_wrong:.0%}} with two, {{full.more_with_six_wrong:.0%}} with six.
#
# Leave-one-out can find them, too: the photos whose label surprises the others most. We flip two labels of the cats and dogs. Which?

# %%
given, flipped = with_wrong_labels(labels, 2)
doubt = (leave_one_out(seen, given, train) - given).abs()
suspects = doubt.argsort(descending=True)[:5].tolist()
captions = [f"labeled {photos.names[int(given[i])]}" for i in suspects]
caught = [place for place, i in enumerate(suspects) if i in flipped]
title = "The five most doubtful labels; framed: flipped by us"
lab.report(flipped_found=len(caught))
lab.show(list(photos.pictures[suspects]), captions, columns=5, highlight=caught, title=title)

# %% [markdown]
# ## Your own photos
#
# Two kinds, three photos of each at least: mugs and glasses, your left and right shoe. Name them, run the cell, drop the photos, run it again.

# %%
mine = lab.your_twenty("this", "that", default=photos)

# %%
if mine is photos:
    numbers, truth = seen, labels
else:
    numbers, truth = features(mine.pictures), mine.labels
judged = leave_one_out(numbers, truth, train)
print(f"{round(len(truth) * accuracy(judged, truth))} of {len(truth)} right")

# %% [markdown]
# ## The picture: from surest to surest
#
# The twenty, each left out once, and some that nobody trained on, in the order of their probability. Look at the frames: does
# the network see something there that you see, too?

# %%
pictures = mine.pictures
step = max(1, len(mine.more) // 12)
some = slice(0, 12 * step, step)                # twelve of those that nobody trained on
if len(mine.more):
    pictures = torch.cat([pictures, mine.more[some]])
    judged = torch.cat([judged, train(numbers, truth)(features(mine.more[some]))])
    truth = torch.cat([truth, mine.more_labels[some]])
order = judged.argsort().tolist()
one, other = ("cat", "dog") if mine is photos else mine.names
captions = [f"{other} {judged[i]:.0%}" if judged[i] > 0.5 else f"{one} {1 - judged[i]:.0%}" for i in order]
wrong = [place for place, i in enumerate(order) if (judged[i] > 0.5) != (truth[i] > 0.5)]

# %%
title = f"From the surest {one} to the surest {other}"
wall = lab.images(list(pictures[order]), captions, columns=8, width=84, title=title, highlight=wrong)
lab.save_picture("twenty_photos.png", wall, colors=256, across=1440)

# %% [markdown]
# ## What you did
#
# - You taught a laptop two kinds from ten photos each, on the shoulders of a network that others trained.
# - You wrote leave-one-out, and saw a leak make right answers out of noise.
# - You measured what wrong labels cost, and found them.
#
# **For the quick.** (1) Dogs, or lawns? Take a photo of a cat on grass, or paint the background of one gray, and find out what the layer looks at. (2) Which
# layer is best? Try each of `network.layers`. Twenty answers are few: how would you choose without fooling yourself?
#
# **Where next.** *DeepDream*: what such features look like.
#
# **Sources.** Frozen features: Donahue et al., *DeCAF*, 2014. The leak: Ambroise, McLachlan, *Selection bias in gene extraction*, 2002. SqueezeNet: Iandola et al., 2016. Goods:
# Fashion-MNIST, Xiao, Rasul, Vollgraf, 2017. Photos: Wikimedia Commons. Cats: CC0 and public
# domain. Dogs: Portraitlady4306, Richardpaas (public domain); Peter Wadsworth, Christopher Woo, Bev Sykes (CC BY 2.0); Lokal_Profil (CC BY 2.5); Manfred
# Herrmann (ADRK), SERRANO76 (CC BY 3.0); TheGiantVermin (CC BY-SA 2.0), Rainer Spickmann (CC BY-SA 2.5), Manfred Herrmann (CC BY-SA 3.0); cropped.
