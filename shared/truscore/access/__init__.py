"""Who calls over gRPC, and what they may. Knows tokens, roles and names of methods; knows no answer."""

from truscore.access.access import Access, anonymous, nobody
from truscore.access.caller import Caller, Role, current_caller, role_named
from truscore.access.interceptor import AccessInterceptor
from truscore.access.issuer import IssuerPolicy, OidcIssuer
from truscore.access.methods import LEAST_ROLES, OPEN_METHODS
from truscore.access.sending import PlaintextToken, Token, check_target, token_interceptors, with_token
from truscore.access.static_tokens import StaticTokens, new_token, token_line

__all__ = [
    "LEAST_ROLES",
    "OPEN_METHODS",
    "Access",
    "AccessInterceptor",
    "Caller",
    "IssuerPolicy",
    "OidcIssuer",
    "PlaintextToken",
    "Role",
    "StaticTokens",
    "Token",
    "anonymous",
    "check_target",
    "current_caller",
    "new_token",
    "nobody",
    "role_named",
    "token_interceptors",
    "token_line",
    "with_token",
]
