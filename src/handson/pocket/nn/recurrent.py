"""Recurrent layers: single steps, and layers of steps over a sequence."""

from __future__ import annotations

import math
from typing import Any

from handson.pocket import creation, shapes
from handson.pocket.nn import init, sequences
from handson.pocket.nn.module import Module
from handson.pocket.tensor import Parameter, Tensor


class _Cell(Module):
    """One step of a recurrent network; weights begin evenly within ±1/√hidden."""

    _gates = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        bound = 1 / math.sqrt(hidden_size) if hidden_size else 0
        rows = self._gates * hidden_size
        shapes_of = {
            "weight_ih": (rows, input_size),
            "weight_hh": (rows, hidden_size),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }
        for name, shape in shapes_of.items():
            wanted = bias or name.startswith("weight")
            self.register_parameter(name, Parameter(creation.empty(shape)) if wanted else None)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def extra_repr(self) -> str:
        """Its sizes."""
        return f"{self.input_size}, {self.hidden_size}"


class GRUCell(_Cell):
    """One step of a GRU. K. Cho and others, Learning phrase representations using RNN encoder–decoder (2014)."""

    _gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """(N, input_size), (N, hidden_size) → (N, hidden_size)."""
        state = creation.zeros(input.shape[0], self.hidden_size, dtype=input.dtype) if hx is None else hx
        return sequences.gru_cell(input, state, *self._weights())


class LSTMCell(_Cell):
    """One step of an LSTM. S. Hochreiter, J. Schmidhuber, Long short-term memory (1997)."""

    _gates = 4

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """(N, input_size), ((N, hidden_size), (N, hidden_size)) → the next two."""
        if hx is None:
            zero = creation.zeros(input.shape[0], self.hidden_size, dtype=input.dtype)
            hx = (zero, zero)
        return sequences.lstm_cell(input, hx, *self._weights())


class _Recurrent(Module):
    """Layers of steps over a sequence: (L, N, in), or (N, L, in) with batch_first."""

    _gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers, self.batch_first = (
            input_size,
            hidden_size,
            num_layers,
            batch_first,
        )
        bound = 1 / math.sqrt(hidden_size)
        rows = self._gates * hidden_size
        for k in range(num_layers):
            inner = hidden_size if k else input_size
            sizes = {
                "weight_ih": (rows, inner),
                "weight_hh": (rows, hidden_size),
                "bias_ih": (rows,),
                "bias_hh": (rows,),
            }
            for name, shape in sizes.items():
                if bias or name.startswith("weight"):
                    self.register_parameter(f"{name}_l{k}", Parameter(creation.empty(shape)))
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _weights(self, layer: int) -> tuple[Any, ...]:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return tuple(self._parameters.get(f"{name}_l{layer}") for name in names)

    def _steps(self, input: Tensor) -> list[Tensor]:
        return list(shapes.unbind(input, 1 if self.batch_first else 0))

    def _together(self, steps: list[Tensor]) -> Tensor:
        return shapes.stack(steps, 1 if self.batch_first else 0)

    def extra_repr(self) -> str:
        """Its sizes, and what is not as usual."""
        text = f"{self.input_size}, {self.hidden_size}"
        text += f", num_layers={self.num_layers}" if self.num_layers != 1 else ""
        return text + (", batch_first=True" if self.batch_first else "")


class GRU(_Recurrent):
    """A GRU over a sequence."""

    _gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(results of the last layer at each step, last states (num_layers, N, hidden_size))."""
        steps, last = self._steps(input), []
        for k in range(self.num_layers):
            state = creation.zeros(steps[0].shape[0], self.hidden_size, dtype=input.dtype) if hx is None else hx[k]
            for at, step in enumerate(steps):
                steps[at] = state = sequences.gru_cell(step, state, *self._weights(k))
            last.append(state)
        return self._together(steps), shapes.stack(last)


class LSTM(_Recurrent):
    """An LSTM over a sequence."""

    _gates = 4

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(results of the last layer at each step, (last h, last c), each (num_layers, N, hidden_size))."""
        steps, hidden, cells = self._steps(input), [], []
        for k in range(self.num_layers):
            zero = creation.zeros(steps[0].shape[0], self.hidden_size, dtype=input.dtype)
            state = (zero, zero) if hx is None else (hx[0][k], hx[1][k])
            for at, step in enumerate(steps):
                state = sequences.lstm_cell(step, state, *self._weights(k))
                steps[at] = state[0]
            hidden.append(state[0])
            cells.append(state[1])
        return self._together(steps), (shapes.stack(hidden), shapes.stack(cells))
