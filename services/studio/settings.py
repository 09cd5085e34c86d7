"""What the environment may set."""

from pathlib import Path

from pydantic import Field, SecretStr
from truscore.settings import GrpcClient, StoreSettings


class Settings(StoreSettings, GrpcClient):
    """Settings of the studio, each from TRUSCORE_<NAME>."""

    monitor_address: str = Field("", description="Address of the monitor's gRPC service, host:port")
    tracker_address: str = Field("", description="Address of the experiment tracker's gRPC service, host:port")
    search_address: str = Field("", description="Address of the hyper-parameter search's gRPC service, host:port")

    studio_host: str = Field("127.0.0.1", description="Address that the studio's ports are bound to")
    studio_port: int = Field(0, description="Port of the studio's pages; 0 for any free one")
    studio_grpc_port: int = Field(0, description="Port of the studio's gRPC health service; 0 for any free one")
    studio_metrics_port: int = Field(0, description="Port of the studio's Prometheus page; 0 for any free one")
    studio_workdir: Path = Field(
        Path(".local/studio"),
        description="Folder of drafts: their database, images and previews; it is to be backed up",
    )
    studio_storage_url: SecretStr = Field(
        SecretStr(""),
        description="Address of the PostgreSQL database that drafts, accounts and sessions lie in, which several "
        "instances of the studio may share: postgresql://user:password@host/name; without it a SQLite file in the "
        "work folder",
    )
    studio_url: str = Field(
        "", description="Address that browsers use, for login links; without it http:// with the host and port"
    )
    studio_hosts: tuple[str, ...] = Field(
        ("127.0.0.1", "localhost"), description="Names that browsers may reach the studio by, as a JSON list"
    )
    studio_operator_amqp_url: SecretStr = Field(
        SecretStr(""),
        description="Address of the broker as a user that may read dead letters and put them back; empty for "
        "the studio's own",
    )
    studio_runbook_url: str = Field(
        "", description="Address of the documentation's page Operations, for links of alerts; without it they are named"
    )
    studio_secure_cookie: bool = Field(False, description="Whether browsers send the session over https only")
    studio_session_hours: float = Field(72, gt=0, le=24 * 90, description="Hours after which a login ends")
    studio_oidc_issuer: str = Field(
        "", description="Address of an OpenID Connect provider that people may log in by; without it by links alone"
    )
    studio_oidc_name: str = Field("single sign-on", description="What the button calls that provider")
    studio_oidc_client_id: str = Field("", description="What the provider knows the studio by")
    studio_oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="The studio's secret at the provider; empty for a public client, which PKCE protects"
    )
    studio_oidc_scope: str = Field("openid profile email", description="What is asked of the provider")
    studio_oidc_name_claim: str = Field(
        "preferred_username",
        description="Claim that people are named by, one that they can't choose themselves; without it their sub",
    )
    studio_oidc_role_claim: str = Field(
        "groups", description="Claim whose values give roles: a text or a list of texts"
    )
    studio_oidc_roles: dict[str, str] = Field(
        {}, description="Roles by the values of that claim, as a JSON object; of several the highest counts"
    )
    studio_oidc_default_role: str = Field(
        "", description="Role of who has none of those values; empty: they may not log in"
    )
    studio_image_bytes: int = Field(256 * 2**20, ge=1, description="Most bytes of an uploaded file")
    studio_image_pixels: int = Field(120_000_000, ge=1, description="Most pixels of an image that is decoded")
    studio_dataset_images: int = Field(20_000, ge=1, description="Most images of a draft")
    studio_decode_timeout_s: float = Field(60, gt=0, description="Longest time that decoding one image may take")
    studio_read_timeout_s: float = Field(
        1500, gt=0, description="Longest time that reading or writing a whole dataset may take"
    )
    studio_suggest_timeout_s: float = Field(
        120, gt=0, description="Longest time that a model may take to propose marks for one image"
    )
    studio_check_timeout_s: float = Field(
        20,
        gt=0,
        description="Longest time that checking an image by the rules, or comparing two readings, may take",
    )
    studio_upload_s: float = Field(
        60, ge=0, description="Seconds between uploads of what changed in drafts to the store; 0 for none"
    )
    studio_agreement_iou: float = Field(
        0.8, ge=0.5, le=1, description="Least overlap (IoU) of two people's marks of one thing that is no dispute"
    )
    studio_policies: Path | None = Field(
        None, description="Folder of policies for those rules, as TRUSCORE_VALIDATOR_POLICIES; without it our own"
    )
    studio_memory_bytes: int = Field(
        4 * 2**30,
        ge=2**29,
        description="Most memory (address space) of a process that reads or writes images, or runs a model on them",
    )
