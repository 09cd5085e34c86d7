"""Names of the files that maker and engine leave for each other."""

# Said to an engine that waits: the files are there to be loaded, which it answers; and the proof is there.
LOAD, LOADED, GO = b"load\n", b"loaded\n", b"go\n"
PROOF, RESULT = "engine-proof.json", "engine-result.json"


def answers_file(format: str) -> str:
    return f"answers-{format}.npz"
