"""What the README says of policies, from the results of `python -m benchmarks policies`."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.paragraphs import Document, section
from benchmarks.summary import METRICS, Mean, Summary
from benchmarks.tables import Row

SETS = {
    "reels": "{videos} reels of {parts} unrelated clips each, scope `library`",
    "titles": "{videos} edited titles, each by itself, scope `title`",
    "shots": "{videos} videos of a single shot, where fixed CRF is the best that can be done, "
    "scope `title`",
}
PICTURE = "policies-picture"


def of_policies(document: Document) -> dict[str, str]:
    """The paragraphs that results make: one for each set, by the name of its place."""
    summaries = summaries_of([document])
    sets = [name for name in SETS if any(each.set_name == name for each in summaries)]
    return {f"policies-{name}": _of_set(name, document, summaries) for name in sets}


def summaries_of(documents: Sequence[Document]) -> list[Summary]:
    """What all policies came to, set by set in the order of `SETS`."""
    found = [
        Summary(
            **{
                **each,
                **{name: _means(each[name]) for name in ("bd_rates", "fine", "repicked")},
            }
        )
        for document in documents
        for each in document["summaries"]
    ]
    return sorted(found, key=lambda each: list(SETS).index(each.set_name))


def picture(summaries: Sequence[Summary]) -> str:
    """The README's words for the picture of all sets."""
    sets = {"reels": "reels", "titles": "edited titles", "shots": "single shots"}
    shown = ", ".join(sets[name] for name in dict.fromkeys(each.set_name for each in summaries))
    return f"![BD-rates of policies: {shown}; with intervals](docs/policies.png)"


def _means(figures: Document) -> dict[str, Mean | None]:
    return {name: Mean(**each) if each else None for name, each in figures.items()}


def _of_set(name: str, document: Document, summaries: Sequence[Summary]) -> str:
    here = [each for each in summaries if each.set_name == name]
    scored = [each for each in document["videos"] if each["set"] == name]
    videos = {each["video"]["name"]: each["video"] for each in scored}.values()
    what = SETS[name].format(
        videos=len(videos), parts=_range([len(each["parts"]) for each in videos])
    )
    frames, shots = (_range([each[key] for each in videos]) for key in ("frames", "shots"))
    crfs = _range([round(crf) for crf in document["crfs"]])
    unseen = ", of sources that the policies have not seen" if document.get("held_out") else ""
    with_shots = f", {shots} shots" if name == "titles" else ""
    return section(
        document,
        f"**Learned policies, {name}.** {what}{unseen} ({frames} frames{with_shots}; 640x360, x264 "
        f"`{document['preset']}`, base CRF {crfs}), BD-rate against fixed CRF on the finished "
        "files; in brackets 95 % bootstrap intervals over sources:",
        [_row(each, here) for each in here],
        *_explained(here),
    )


def _row(summary: Summary, others: Sequence[Summary]) -> Row:
    """A line of the table: columns that no line has anything for are left out."""
    row = {"policy": _label(summary)}
    for metric in METRICS:
        if any(each.bd_rates.get(metric) for each in others):
            row[metric.upper()] = _rate(summary.bd_rates.get(metric))
    if any(each.shares for each in others):
        row["share of the optimum"] = f"{summary.shares[0]:.0%}" if summary.shares else "-"
    row["median"] = f"{summary.median:+z.2f} %"
    row["worst"] = f"{summary.worst:+z.2f} %"
    row["bytes against fixed CRF"] = f"{100 * (summary.bytes_ratio - 1):+z.1f} %"
    return row


def _explained(summaries: Sequence[Summary]) -> list[str]:
    judged = {
        "balanced": "the mean of PSNR's and SSIM's",
        "psnr": "PSNR's for `psnr`",
        "ssim": "SSIM's for `ssim`",
    }
    objectives = dict.fromkeys(each.objective for each in summaries)
    text = (
        "Median and worst are of the BD-rate that a policy is judged by: "
        + ", ".join(judged[objective] for objective in judged if objective in objectives)
        + "."
    )
    if any(each.shares for each in summaries):
        text += (
            " The optimum is the best CRF for every shot, found from encodes at many; shares of it "
            "are of that BD-rate, of sums over videos."
        )
    return [text]


def _label(summary: Summary) -> str:
    optimum = summary.policy.removeprefix("optimum ")
    return f"the optimum for `{optimum}`" if optimum != summary.policy else f"`{summary.policy}`"


def _rate(mean: Mean | None) -> str:
    return f"{mean.mean:+z.2f} % ({mean.low:+z.2f} to {mean.high:+z.2f})" if mean else "-"


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"
