"""Names of the files that maker and engine leave for each other."""

PROOF, RESULT = "engine-proof.json", "engine-result.json"


def answers_file(format: str) -> str:
    return f"answers-{format}.npz"
