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
from sklstm.paper._tutorial_control import ActorCriticTrial, AdvantageTrial, PoleTrial, TeacherTrial
from sklstm.paper._tutorial_languages import LanguageTrial
from sklstm.paper._tutorial_streams import (
    OrderTrial,
    PhaseTrial,
    ReberTrial,
    StateDecayTrial,
    StationaryTrial,
    TimingTrial,
)

KINDS: dict[str, Any] = {
    "language": LanguageTrial,
    "timing": TimingTrial,
    "stationary": StationaryTrial,
    "phase": PhaseTrial,
    "order": OrderTrial,
    "reber": ReberTrial,
    "state decay": StateDecayTrial,
    "advantage": AdvantageTrial,
    "actor-critic": ActorCriticTrial,
    "pole": PoleTrial,
    "teacher": TeacherTrial,
    "gap": GapTrial,
    "functions": FunctionsTrial,
    "series": SeriesTrial,
    "blues": BluesTrial,
    "melody": MelodyTrial,
    "frames": FramesTrial,
}
