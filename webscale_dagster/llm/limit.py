"""Finds how many requests at once serve a server best.

Makes a number that moves; time is handed in, nothing is read or written. It doubles while a
doubling brings at least a fifth more replies per second, then tries small steps up and down and
keeps those that pay: up for more replies, down for as many (fewer in flight are fewer paid twice
after a kill, and a shorter queue). Overload cuts it by 30%, at most once a round trip; from there
it grows by one a round trip, as TCP does, until it is near where it was. Overload is a share of
refusals: a few among many replies say nothing about how much is in flight.
"""

from __future__ import annotations

from collections.abc import Callable

_SHORTEST = 0.25  # seconds of an epoch
_DOUBLING_PAYS = 1.2
_STEP_UP, _STEP_UP_PAYS = 1.25, 1.05
_STEP_DOWN, _STEP_DOWN_COSTS = 0.8, 0.98
_CUT, _NEAR = 0.7, 0.9
_OVERLOAD, _MEMORY = 0.15, 32  # share of refusals that is too much, among so many last answers
_EPOCHS_BETWEEN_STEPS = 4


class Limit:
    """``value`` requests may be in flight; ``done`` and ``overloaded`` tell it how that goes."""

    def __init__(self, most: int, now: float, *, start: int = 32, adapt: bool = True) -> None:
        """Never above ``most``; always ``most`` where it is not to adapt."""
        self._most = max(most, 1)
        self._adapt = adapt
        self.value = min(start, self._most) if adapt else self._most
        self._base: tuple[int, float] | None = None  # limit and replies per second to beat
        self._up_next = True
        self._epochs = 0
        self._cut_at, self._grow_to, self._grown = float("-inf"), 0, 0
        self._refused = 0.0  # share of the last answers, smoothed
        self._judge: Callable[[float], None] = self._judge_climb
        self._restart(now, settle=0)

    def done(self, now: float, *, bound: bool) -> None:
        """A reply came; ``bound``: more requests were waiting than the limit let through."""
        if not self._adapt:
            return
        self._refused -= self._refused / _MEMORY
        if self._grow_to:
            self._recover(now)
            return
        if self._settle > 0:  # replies of requests that were sent under the old limit
            self._settle -= 1
            if self._settle == 0:
                self._restart(now, settle=0)
            return
        self._count += 1
        self._bound += bound
        elapsed = now - self._since
        if elapsed < _SHORTEST or self._count < max(self.value, 8):
            return
        if self._bound >= 0.8 * self._count:  # else the limit is not what holds the pace down
            self._judge(self._count / elapsed)
        if self._settle == 0:
            self._restart(now, settle=0)

    def overloaded(self, now: float, latency: float) -> None:
        """The server says that it has too much."""
        self._refused += (1 - self._refused) / _MEMORY
        early = now - self._cut_at < max(latency, 0.5)
        if not self._adapt or early or self._refused < _OVERLOAD:
            return
        self._cut_at = now
        self._base, self._epochs, self._grown = None, 0, 0
        self._grow_to = max(int(self.value * _NEAR), 2)
        self._judge = self._judge_hold
        self.value = max(int(self.value * _CUT), 1)

    def _recover(self, now: float) -> None:
        """One more for every round of replies, until it is near the value that was too much."""
        self._grown += 1
        if self._grown >= self.value:
            self._grown = 0
            self.value = min(self.value + 1, self._most)
        if self.value >= self._grow_to:
            self._grow_to = 0
            self._restart(now, settle=0)

    def _restart(self, now: float, settle: int) -> None:
        self._since, self._count, self._bound, self._settle = now, 0, 0, settle

    def _move(self, value: int) -> None:
        value = min(max(value, 1), self._most)
        if value != self.value:
            self.value = value
            self._settle = value

    def _judge_climb(self, rate: float) -> None:
        if self._base is not None and rate < self._base[1] * _DOUBLING_PAYS:
            self._judge = self._judge_hold
            self._move(self._base[0])
            self._base = None
            return
        self._base = (self.value, rate)
        self._move(self.value * 2)
        if self.value == self._base[0]:  # at the top
            self._judge, self._base = self._judge_hold, None

    def _judge_hold(self, rate: float) -> None:
        """Measure the base for some epochs, then try a step."""
        self._epochs += 1
        self._base = (self.value, rate if self._base is None else (self._base[1] + rate) / 2)
        if self._epochs < _EPOCHS_BETWEEN_STEPS:
            return
        self._epochs = 0
        before = self.value
        up = self._up_next
        self._up_next = not up
        self._move(max(round(before * _STEP_UP), before + 1) if up else int(before * _STEP_DOWN))
        if self.value != before:
            self._judge = self._judge_up if up else self._judge_down

    def _judge_up(self, rate: float) -> None:
        self._keep_or_return(rate, _STEP_UP_PAYS)

    def _judge_down(self, rate: float) -> None:
        self._keep_or_return(rate, _STEP_DOWN_COSTS)

    def _keep_or_return(self, rate: float, wanted: float) -> None:
        assert self._base is not None
        self._judge = self._judge_hold
        if rate >= self._base[1] * wanted:
            self._base = (self.value, rate)
            self._up_next = not self._up_next  # what paid is tried again
            return
        back, self._base = self._base[0], None
        self._move(back)
