"""Who may ask a service over gRPC."""

from typing import Final, Self

from pydantic import Field, SecretStr, model_validator

from truscore.access import Access, IssuerPolicy, OidcIssuer, Role, StaticTokens, role_named
from truscore.access.loopback import check_url
from truscore.settings.grpc import PlaintextTokens
from truscore.settings.services import BusSettings
from truscore.settings.sources import ServiceSettings

OWN_NAMES: Final = {str(role): str(role) for role in Role}


class ApiSettings(BusSettings, PlaintextTokens):
    """Of services that answer questions over gRPC, too: who may ask. With none of it set nobody may."""

    grpc_tokens: SecretStr = Field(
        SecretStr(""),
        description="Whose tokens count, a line each: NAME ROLE sha256:DIGEST, the role reader, operator or admin "
        "(`truscore token new` makes one); a file is read anew when it changes",
    )
    grpc_anonymous_role: str = Field(
        "", description="What who shows no token may do: reader, operator or admin; empty for nothing but health"
    )
    grpc_oidc_issuer: str = Field(
        "",
        description="OpenID provider whose tokens (JWT) count, https://…, as it calls itself in them; empty for none",
    )
    grpc_oidc_audience: str = Field(
        "", description="Whom tokens of the provider have to be for (aud); required with a provider"
    )
    grpc_oidc_jwks_url: str = Field(
        "", description="Where the provider's public keys are; without it where its discovery document says"
    )
    grpc_oidc_algorithms: tuple[str, ...] = Field(
        ("RS256", "ES256"), description="Signatures that count, as a JSON list; none and the HMAC family never do"
    )
    grpc_oidc_role_claim: str = Field(
        "roles", description="Claim that has the role, a text or a list; dots lead into it, such as realm_access.roles"
    )
    grpc_oidc_roles: dict[str, str] = Field(
        {},
        description="Which role each value of that claim gives, as a JSON object, the highest counts; empty where the "
        "values are reader, operator and admin",
    )
    grpc_oidc_name_claim: str = Field("sub", description="Claim that names who calls, for records")

    @model_validator(mode="after")
    def _roles_and_the_provider_make_sense(self) -> Self:
        for name in (self.grpc_anonymous_role, *self.grpc_oidc_roles.values()):
            if name:
                role_named(name)
        if self.grpc_oidc_issuer:
            check_url(self.grpc_oidc_issuer)
            if not self.grpc_oidc_audience:
                raise ValueError("TRUSCORE_GRPC_OIDC_ISSUER needs TRUSCORE_GRPC_OIDC_AUDIENCE")
        if self.grpc_oidc_jwks_url:
            check_url(self.grpc_oidc_jwks_url)
        return self


def access_of(settings: ApiSettings) -> Access:
    """Who may call a service of these settings. Tokens are read where the settings came from, now and later.

    ValueError for lines that are no tokens, and for algorithms that are not accepted.
    """
    issuer = OidcIssuer(_issuer_policy(settings)) if settings.grpc_oidc_issuer else None
    return Access(
        tokens=StaticTokens(_current_tokens),
        issuer=issuer,
        anonymous=role_named(settings.grpc_anonymous_role) if settings.grpc_anonymous_role else None,
        plaintext=settings.grpc_plaintext_tokens,
    )


def _issuer_policy(settings: ApiSettings) -> IssuerPolicy:
    return IssuerPolicy(
        issuer=settings.grpc_oidc_issuer,
        audience=settings.grpc_oidc_audience,
        role_claim=settings.grpc_oidc_role_claim,
        roles={value: role_named(name) for value, name in (settings.grpc_oidc_roles or OWN_NAMES).items()},
        name_claim=settings.grpc_oidc_name_claim,
        algorithms=settings.grpc_oidc_algorithms,
        jwks_url=settings.grpc_oidc_jwks_url,
    )


class _Tokens(ServiceSettings):
    """Of ApiSettings what changes while a service runs."""

    grpc_tokens: SecretStr = SecretStr("")


def _current_tokens() -> str:
    return _Tokens().grpc_tokens.get_secret_value()
