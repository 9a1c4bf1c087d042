// Images per second of convnetjs training its own MNIST network: evaluated in a page after convnetjs was loaded there.
(() => {
  const net = new convnetjs.Net();
  net.makeLayers([
    { type: "input", out_sx: 24, out_sy: 24, out_depth: 1 },
    { type: "conv", sx: 5, filters: 8, stride: 1, pad: 2, activation: "relu" },
    { type: "pool", sx: 2, stride: 2 },
    { type: "conv", sx: 5, filters: 16, stride: 1, pad: 2, activation: "relu" },
    { type: "pool", sx: 3, stride: 3 },
    { type: "softmax", num_classes: 10 },
  ]);
  const trainer = new convnetjs.SGDTrainer(net, { learning_rate: 0.01, momentum: 0.9, batch_size: 20, l2_decay: 0.001 });
  const image = () => {
    const volume = new convnetjs.Vol(24, 24, 1, 0);
    for (let i = 0; i < 576; i++) volume.w[i] = Math.random();
    return volume;
  };
  const images = Array.from({ length: 60 }, image);
  for (let i = 0; i < 20; i++) trainer.train(images[i], i % 10);
  const began = performance.now();
  let done = 0;
  while (performance.now() - began < 4000) trainer.train(images[done % 60], done++ % 10);
  return { images_per_second: done / ((performance.now() - began) / 1000) };
})()
