"""The random numbers of training, as native/random.hpp draws them."""

_WORD = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15


def mix(x: int) -> int:
    """Return the finalizer of SplitMix64."""
    x &= _WORD
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _WORD
    return x ^ (x >> 31)


class Random:
    """The draws of one step."""

    def __init__(self, seed: int, position: int) -> None:
        self._state = mix(seed + _GAMMA * (position + 1))

    def next(self) -> int:
        self._state += _GAMMA
        return mix(self._state)

    def below(self, bound: int) -> int:
        return (self.next() * bound) >> 64

    def two_below(self, bound: int) -> tuple[int, int]:
        bits = self.next()
        return ((bits >> 32) * bound) >> 32, ((bits & 0xFFFFFFFF) * bound) >> 32


class Permutation:
    """A bijection of the numbers below a size."""

    ROUNDS = 5

    def __init__(self, size: int, key: int) -> None:
        self._size = size
        bits = max(2, (size - 1).bit_length())
        self._mask = (1 << bits) - 1
        self._shift = (bits + 1) // 2
        self._rounds = [(mix(key + 2 * number) | 1, mix(key + 2 * number + 1)) for number in range(self.ROUNDS)]

    def __call__(self, position: int) -> int:
        x = self._scatter(position)
        while x >= self._size:
            x = self._scatter(x)
        return x

    def _scatter(self, x: int) -> int:
        for multiplier, addend in self._rounds:
            x = (x * multiplier + addend) & self._mask
            x ^= x >> self._shift
        return x


class Order:
    """The order of a lane: runs of neighbours are permuted, the remainder comes last. Short lanes have runs of one."""

    FEW = 1024

    def __init__(self, size: int, key: int) -> None:
        self.run = 1 if size < self.FEW else 16
        self._whole = size // self.run
        self._runs = Permutation(self._whole, key)

    def __call__(self, position: int) -> int:
        run, place = divmod(position, self.run)
        return position if run >= self._whole else self.run * self._runs(run) + place
