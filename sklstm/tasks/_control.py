"""Control under partial observation (2002): environments with the `reset` and `step` of Gymnasium."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

import numpy as np

from sklstm._messages import shown
from sklstm.tasks._shared import Array, RandomState, generator, integer


class TMaze:
    """Corridor with a T-junction: the correct direction is shown at the start only (Bakker 2002).

    The agent begins at the west end of a corridor. There it sees whether the goal is north or south of the
    junction, which is at the east end.

    Observations are three numbers: at the start 0, 1, 1 for north and 1, 1, 0 for south; in the corridor
    1, 0, 1, or with noise a, 0, b, where a and b are drawn between 0 and 1 at each step; at the junction
    0, 1, 0. Actions are 0 north, 1 east, 2 south, 3 west. A move into a wall leaves the agent where it is.
    The reward is 4 for the correct arm and -0.1 for the wrong arm; both end the episode. It is -0.1 for a
    move into a wall, and otherwise 0.

    Parameters
    ----------
    length : int, default=10
        N: moves from the start to the junction, at least 1.
    noisy : bool, default=False
        Whether observations in the corridor are random.
    random_state : int, Generator, RandomState or None, default=None
        Source of the goals and the noise; a Generator or RandomState is advanced.

    Attributes
    ----------
    goal_is_north : bool
        Whether the correct arm is the northern one in this episode.
    position : int
        Position of the agent, from 0, the start, to `length`, the junction.

    Notes
    -----
    Bakker, "Reinforcement learning with Long Short-Term Memory", Advances in Neural Information Processing
    Systems 14 (2002) 1475-1482, and the tutorial of 2003. Chosen here: an agent that returns to the start
    sees the direction again.

    Examples
    --------
    >>> from sklstm.tasks import TMaze
    >>> maze = TMaze(length=2, random_state=0)
    >>> observation, info = maze.reset()
    >>> observation  # the goal is north
    array([0., 1., 1.])
    >>> for action in (1, 1, 0):
    ...     observation, reward, terminated, truncated, info = maze.step(action)
    >>> reward, terminated
    (4.0, True)
    """

    n_inputs, n_actions = 3, 4

    def __init__(self, length: int = 10, noisy: bool = False, random_state: RandomState = None):
        self.length = integer("length", length)
        if not isinstance(noisy, bool | np.bool_):
            raise TypeError(f"noisy must be True or False, got {shown(noisy)}.")
        self.noisy = bool(noisy)
        self._rng = generator(random_state)
        self._done = True

    def reset(self) -> tuple[Array, dict[str, Any]]:
        """Begin an episode.

        Returns
        -------
        observation : ndarray of shape (3,)
        info : dict
            Empty.
        """
        self.goal_is_north = bool(self._rng.integers(2))
        self.position, self._done = 0, False
        return self._observation(), {}

    def step(self, action: int) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Move.

        Parameters
        ----------
        action : int
            0 north, 1 east, 2 south, 3 west.

        Returns
        -------
        observation : ndarray of shape (3,)
            Zeros in an arm, where the episode has ended.
        reward : float
        terminated : bool
            Whether an arm was entered.
        truncated : bool
            Always False.
        info : dict
            Empty.
        """
        action = _action(action, self.n_actions, self._done)
        north_or_south, at_junction = action in (0, 2), self.position == self.length
        if at_junction and north_or_south:
            self._done = True
            reward = 4.0 if (action == 0) == self.goal_is_north else -0.1
            return np.zeros(3), reward, True, False, {}
        moved = self.position + {1: 1, 3: -1}.get(action, 0)
        into_wall = north_or_south or not 0 <= moved <= self.length
        self.position = self.position if into_wall else moved
        return self._observation(), -0.1 if into_wall else 0.0, False, False, {}

    def _observation(self) -> Array:
        if self.position == 0:
            return np.array([0.0, 1.0, 1.0] if self.goal_is_north else [1.0, 1.0, 0.0])
        if self.position == self.length:
            return np.array([0.0, 1.0, 0.0])
        if self.noisy:
            a, b = self._rng.random(2)
            return np.array([a, 0.0, b])
        return np.array([1.0, 0.0, 1.0])


class TwoModePole:
    """Pole balancing without velocities, in a mode that is shown in the first second only (Bakker 2002).

    A pole stands on a cart. In mode A, action 0 pushes the cart to the left and 1 to the right; in mode B, it
    is the other way round. An observation consists of the position of the cart divided by 2.4 m, the angle of
    the pole divided by 12 degrees, and the mode: 1 for A and -1 for B in the first 50 observations of an
    episode, 0 later. The episode ends, with the reward -1, when the pole has fallen by more than 12 degrees
    or the cart has moved by more than 2.4 m. Otherwise the reward is 0.

    Parameters
    ----------
    max_steps : int or None, default=None
        The episode is truncated after this number of steps; None: never.
    random_state : int, Generator, RandomState or None, default=None
        Source of the modes and the initial states; a Generator or RandomState is advanced.

    Attributes
    ----------
    mode_is_a : bool
        The mode of this episode.
    state : ndarray of shape (4,)
        Position in m, velocity, angle in radians, angular velocity.

    Notes
    -----
    Bakker (2002), see `TMaze`. The cart-pole is that of Barto, Sutton & Anderson, IEEE Transactions on
    Systems, Man, and Cybernetics 13 (1983) 834-846, without friction, integrated by Euler's method with steps
    of 0.02 s, so that the first second has 50 steps. Chosen here: the scale of the observations, the coding
    of the mode, and the initial state, whose four numbers are uniform between -0.05 and 0.05.

    Examples
    --------
    >>> from sklstm.tasks import TwoModePole
    >>> pole = TwoModePole(random_state=0)
    >>> observation, info = pole.reset()
    >>> n_steps, terminated = 0, False
    >>> while not terminated:
    ...     observation, reward, terminated, truncated, info = pole.step(n_steps % 2)
    ...     n_steps += 1
    >>> reward, 20 < n_steps < 200
    (-1.0, True)
    """

    n_inputs, n_actions = 3, 2
    GRAVITY, CART, POLE, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
    MOST_POSITION, MOST_ANGLE, STEPS_TOLD = 2.4, 12 * pi / 180, 50

    def __init__(self, max_steps: int | None = None, random_state: RandomState = None):
        self.max_steps = None if max_steps is None else integer("max_steps", max_steps)
        self._rng = generator(random_state)
        self._done = True

    def reset(self, mode_is_a: bool | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin an episode.

        Parameters
        ----------
        mode_is_a : bool or None, default=None
            Whether the mode is A; None: it is drawn.

        Returns
        -------
        observation : ndarray of shape (3,)
        info : dict
            Empty.
        """
        drawn = bool(self._rng.integers(2))
        self.mode_is_a = drawn if mode_is_a is None else bool(mode_is_a)
        self.state = self._rng.uniform(-0.05, 0.05, 4)
        self._n_steps, self._done = 0, False
        return self._observation(), {}

    def step(self, action: int) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Push the cart.

        Parameters
        ----------
        action : int
            0 or 1.

        Returns
        -------
        observation : ndarray of shape (3,)
        reward : float
        terminated : bool
            Whether the pole fell or the cart left its track.
        truncated : bool
            Whether `max_steps` ends the episode.
        info : dict
            Empty.
        """
        action = _action(action, self.n_actions, self._done)
        force = self.FORCE if (action == 1) == self.mode_is_a else -self.FORCE
        x, v, theta, omega = self.state.tolist()
        mass = self.CART + self.POLE
        inertia = (force + self.POLE * self.HALF_LENGTH * omega**2 * sin(theta)) / mass
        alpha = (self.GRAVITY * sin(theta) - cos(theta) * inertia) / (
            self.HALF_LENGTH * (4 / 3 - self.POLE * cos(theta) ** 2 / mass)
        )
        a = inertia - self.POLE * self.HALF_LENGTH * alpha * cos(theta) / mass
        h = self.SECONDS
        self.state = np.array([x + h * v, v + h * a, theta + h * omega, omega + h * alpha])
        self._n_steps += 1
        terminated = abs(self.state[0]) > self.MOST_POSITION or abs(self.state[2]) > self.MOST_ANGLE
        truncated = not terminated and self._n_steps == self.max_steps
        self._done = bool(terminated or truncated)
        return self._observation(), -1.0 if terminated else 0.0, bool(terminated), truncated, {}

    def _observation(self) -> Array:
        mode = 0.0 if self._n_steps >= self.STEPS_TOLD else 1.0 if self.mode_is_a else -1.0
        return np.array([self.state[0] / self.MOST_POSITION, self.state[2] / self.MOST_ANGLE, mode])


def _action(action: Any, n_actions: int, done: bool) -> int:
    if done:
        raise ValueError("No episode has begun, or it has ended: call reset first.")
    action = integer("action", action, 0)
    if action >= n_actions:
        raise ValueError(f"action must be less than {n_actions}, got {action}.")
    return action
