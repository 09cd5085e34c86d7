"""Names of the files that maker and engine leave for each other."""

GO = b"go\n"  # said to an engine that waits, once the proof is there
PROOF, RESULT = "engine-proof.json", "engine-result.json"


def answers_file(format: str) -> str:
    return f"answers-{format}.npz"
