"""What every stream's `evolve` says of a history that cannot be."""


class HistoryBroken(Exception):
    """An event does not follow from the state before it: the stored history is not one that `decide` can make.

    Raised, never passed over: silence would show a wrong state.
    """

    def __init__(self, event: object, state: object) -> None:
        super().__init__(f"{type(event).__name__} cannot follow {type(state).__name__}")
