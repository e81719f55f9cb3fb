#!/usr/bin/env python3
"""Vectors of adverse records, written from the rules and sharing nothing with the code.

    python3 types/score/testdata/adverse.py

works out what each mark does to a score that vectors.json already has, and puts these vectors at the end of its scores.
A mark leaves on the same date five years after its end (29 February: 1 March); a confirmed attempt at duplicate financing
weighs in the 24 months that end with the month of the day. The lowest cap below the sum binds and is the first reason,
which names up to four records in the order of their ids.
"""
import datetime
import json
import os

CAPS = {
    "FORGERY_CONFIRMED": ("CAP_FORGERY", 199), "INSOLVENCY_OPENED": ("CAP_INSOLVENCY", 299),
    "DUPLICATE_FINANCING_CONFIRMED": ("CAP_DUPLICATE", 349), "CUSTOMS_DISCREDITED": ("CAP_DISHONESTY", 399),
    "TAX_MAJOR_VIOLATION": ("CAP_DISHONESTY", 399), "JUDGMENT_DEFAULTER": ("CAP_DISHONESTY", 399),
}
HARMLESS = ["CUSTOMS_PENALTY", "TAX_ARREARS", "FX_VIOLATION", "AWARD_UNPERFORMED", "LOAN_DEFAULT", "BILL_DISHONOURED"]
DAY = "2026-03-15"
PREFIX = "adverse: "


def date(text):
    return datetime.date.fromisoformat(text)


def five_years_after(d):
    try:
        return d.replace(year=d.year + 5)
    except ValueError:
        return datetime.date(d.year + 5, 3, 1)


def weighs(kind, day, end, today):
    if end and today >= five_years_after(date(end)):
        return False
    if kind == "DUPLICATE_FINANCING_CONFIRMED":
        then = date(day)
        return (today.year - then.year) * 12 + today.month - then.month < 24
    return True


def conclude(base, marks, today):
    """base is a scored result without any adverse record; open parts may cap it already."""
    best = None
    total = sum(points for _, points in base["points"].values())
    if base.get("cap"):
        best = (base["cap"], base["reasons"][0].split()[0], [])
    for record, kind, day, end in sorted(marks):
        if kind not in CAPS or not weighs(kind, day, end, today):
            continue
        cap, score = CAPS[kind]
        if score < total and (best is None or score < best[0]):
            best = (score, cap, [])
        if best is not None and best[1] == cap:
            best[2].append("adverse/" + record)
    out = dict(base)
    if best is None:
        return out
    score, cap, records = best
    losses = [r for r in base["reasons"] if not r.startswith("CAP_")]
    out["cap"] = out["score"] = score
    out["class"] = next((c for c, bound in (("1", 800), ("2", 650), ("3", 500), ("4", 350)) if score >= bound), "5")
    out["reasons"] = ([" ".join(["%s -%d" % (cap, total - score)] + records[:4])] + losses)[:4]
    return out


def cases():
    """name, base vector, marks [record, kind, day, end], day."""
    full, seller, weak = "a full payer", "a full seller", "vector 2 of the rules as a whole life"
    for kind in list(CAPS) + HARMLESS:
        yield "%s alone" % kind, full, [["m/1", kind, "2026-01-10", ""]], DAY
        yield "%s on a seller" % kind, seller, [["m/1", kind, "2026-01-10", ""]], DAY
        yield "%s on a weak payer" % kind, weak, [["m/1", kind, "2026-01-10", ""]], DAY
    for kind in CAPS:
        yield "%s that lasts since 2005" % kind, full, [["m/1", kind, "2005-06-01", ""]], DAY
        yield "%s ended five years ago less a day" % kind, full, [["m/1", kind, "2021-03-01", "2021-03-16"]], DAY
        yield "%s ended five years ago to the day" % kind, full, [["m/1", kind, "2021-03-01", "2021-03-15"]], DAY
        yield "%s ended today" % kind, full, [["m/1", kind, "2025-12-01", DAY]], DAY
    for today in ("2025-02-28", "2025-03-01"):
        yield "a term that ends on a leap day, %s" % today, full, [["m/1", "FORGERY_CONFIRMED", "2020-01-01", "2020-02-29"]], today
    for day in ("2024-04-01", "2024-03-31", "2026-03-16", "2026-03-15"):
        yield "a duplicate of %s" % day, full, [["m/1", "DUPLICATE_FINANCING_CONFIRMED", day, ""]], DAY
    yield "a duplicate of tomorrow, next month", full, [["m/1", "DUPLICATE_FINANCING_CONFIRMED", "2026-04-01", ""]], "2026-03-31"
    yield "a duplicate that ended at once and is 23 months old", full, [["m/1", "DUPLICATE_FINANCING_CONFIRMED", "2024-04-30", "2024-04-30"]], DAY
    kinds = sorted(CAPS)
    for i, a in enumerate(kinds):
        for b in kinds[i + 1:]:
            yield "%s and %s" % (a, b), full, [["m/1", a, "2026-01-10", ""], ["m/2", b, "2026-01-10", ""]], DAY
            yield "%s that left and %s" % (a, b), full, [["m/1", a, "2015-01-10", "2016-01-10"], ["m/2", b, "2026-01-10", ""]], DAY
    everything = [["m/%d" % i, k, "2026-01-10", ""] for i, k in enumerate(kinds + HARMLESS)]
    yield "everything at once", full, everything, DAY
    yield "everything at once on a weak payer", weak, everything, DAY
    yield "everything but forgery", full, [m for m in everything if m[1] != "FORGERY_CONFIRMED"], DAY
    yield "five of one kind: four are named", full, [["m/%d" % i, "TAX_MAJOR_VIOLATION", "2026-01-10", ""] for i in range(5)], DAY
    yield "three lists of serious dishonesty, one reason", full, [
        ["customs/1", "CUSTOMS_DISCREDITED", "2026-01-10", ""], ["arbiter/9", "JUDGMENT_DEFAULTER", "2026-01-10", ""],
        ["tax/4", "TAX_MAJOR_VIOLATION", "2026-01-10", ""]], DAY
    yield "of three forgeries the one in the middle left", full, [
        ["m/1", "FORGERY_CONFIRMED", "2026-01-10", ""], ["m/2", "FORGERY_CONFIRMED", "2016-01-10", "2017-01-10"],
        ["m/3", "FORGERY_CONFIRMED", "2026-01-10", "2026-02-01"]], DAY
    beyond = "open 91 days beyond, 500 bp of outstanding"
    for kind in kinds:
        yield "%s with open parts beyond 90 days" % kind, beyond, [["m/1", kind, "2026-01-10", ""]], DAY
    yield "open parts beyond 90 days and a forgery that left", beyond, [["m/1", "FORGERY_CONFIRMED", "2015-01-10", "2016-01-10"]], DAY


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors.json")
    with open(path) as f:
        text = f.read()
    vectors = json.loads(text)
    bases = {v["name"]: v for v in vectors["scores"]}
    written = []
    for name, base, marks, day in cases():
        v = bases[base]
        facts = dict(v["facts"], adverse=sorted(marks))
        written.append((PREFIX + name, v["profile"], day, facts, conclude(v["expect"], marks, date(day))))
    first = text.find(',\n  {\n    "name": "' + PREFIX)
    if first < 0:
        first = text.rindex("\n]\n}")
    out = text[:first]
    for name, profile, day, facts, expect in written:
        out += ',\n  {\n    "name": %s,\n    "profile": %s,\n    "day": %s,\n    "facts": %s,\n    "expect": %s\n  }' % tuple(
            json.dumps(x) for x in (name, profile, day, facts, expect))
    with open(path, "w") as f:
        f.write(out + "\n]\n}\n")
    print("%d vectors of adverse records" % len(written))


main()
