"""Compare the lists of random rules with those of the slow twin: `python -m tests.rules --sets 500 --users 200`."""

import argparse
import sys

from tests.rules.random_rules import differences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--start", type=int, default=0, help="The seed of the first set.")
    options = parser.parse_args()
    compared, refused, problems, seed = 0, 0, list[str](), options.start
    while compared < options.sets:
        is_refused, found = differences(seed, options.users)
        refused, compared, seed = refused + is_refused, compared + (not is_refused), seed + 1
        problems += found
    print(f"rules: {compared} sets x {options.users} users, {refused} refused, {len(problems)} differences")
    print("\n".join(problems[:5]))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
