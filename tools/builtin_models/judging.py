"""Texts of a model beside the samples that they answer."""
import dataclasses

from .sample import Sample


@dataclasses.dataclass(frozen=True)
class Judged:
    total: int
    wrong: list  # of (sample, text)

    def share(self):
        """Of right answers."""
        return 1 - len(self.wrong) / self.total

    def show_wrong(self, count):
        for sample, text in self.wrong[:count]:
            print(f"      {sample.question()[:150]!r} -> {text[:150]!r}", flush=True)


def judged(samples, texts, right=Sample.accepts):
    """`right` says of a sample and a text whether this answers it."""
    return Judged(len(samples), [(sample, text) for sample, text in zip(samples, texts) if not right(sample, text)])


def mark(reached):
    return "ok " if reached else "LOW"
