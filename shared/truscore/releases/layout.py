"""Where things lie in a package, beside manifest, card and model files."""

CONTRACT = "contract.json"
PARITY, BENCHMARK = "reports/parity.json", "reports/benchmark.json"
PROVENANCE = "provenance.intoto.json"
TRITON, SERVING = "triton", "serving"
BILL = "serving/sbom.cdx.json"
SUMS = "SHA256SUMS"
SEAL = "SHA256SUMS.sig.json"
