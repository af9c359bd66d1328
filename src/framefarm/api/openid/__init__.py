"""Logging in with an OpenID Connect provider: authorization code with PKCE, state and nonce."""
