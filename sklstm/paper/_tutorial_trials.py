"""Kinds of trials of the tutorial's experiments."""

from typing import Any

from sklstm.paper._tutorial_batches import (
    BluesTrial,
    FramesTrial,
    FunctionsTrial,
    GapTrial,
    MelodyTrial,
    SeriesTrial,
)
from sklstm.paper._tutorial_control import ActorCriticTrial, AdvantageTrial, PoleTrial
from sklstm.paper._tutorial_streams import (
    LanguageTrial,
    OrderTrial,
    ReberTrial,
    StateDecayTrial,
    StationaryTrial,
    TimingTrial,
)

KINDS: dict[str, Any] = {
    "language": LanguageTrial,
    "timing": TimingTrial,
    "stationary": StationaryTrial,
    "order": OrderTrial,
    "reber": ReberTrial,
    "state decay": StateDecayTrial,
    "advantage": AdvantageTrial,
    "pole": PoleTrial,
    "actor-critic": ActorCriticTrial,
    "gap": GapTrial,
    "functions": FunctionsTrial,
    "series": SeriesTrial,
    "blues": BluesTrial,
    "melody": MelodyTrial,
    "frames": FramesTrial,
}
