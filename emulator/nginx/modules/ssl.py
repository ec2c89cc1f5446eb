"""ngx_http_ssl_module: TLS towards the client."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HS, ONE, ONE_THREE, ONE_TWO, TWO, later

MODULE = "ngx_http_ssl_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("ssl_certificate", HS, ONE, "The certificate.", repeat=True),
    later("ssl_certificate_key", HS, ONE, "The certificate's key.", repeat=True),
    later("ssl_certificate_cache", HS, ONE_THREE, "Keep certificates whose names have variables."),
    later("ssl_ech_file", HS, ONE, "Keys for encrypted client hello.", repeat=True),
    later("ssl_password_file", HS, ONE, "Passwords of keys."),
    later("ssl_certificate_compression", HS, ONE, "Compress certificates."),
    later("ssl_dhparam", HS, ONE, "Parameters of a key exchange."),
    later("ssl_ecdh_curve", HS, ONE, "Curves of a key exchange."),
    later("ssl_protocols", HS, None, "Versions of TLS."),
    later("ssl_ciphers", HS, ONE, "Ciphers of TLS."),
    later("ssl_buffer_size", HS, ONE, "The size of a record."),
    later("ssl_verify_client", HS, ONE, "Ask clients for a certificate."),
    later("ssl_verify_depth", HS, ONE, "How long their chain may be."),
    later("ssl_client_certificate", HS, ONE, "Who may have signed theirs; told to them."),
    later("ssl_trusted_certificate", HS, ONE, "Who may have signed theirs; not told."),
    later("ssl_prefer_server_ciphers", HS, ONE, "Whose order of ciphers counts."),
    later("ssl_session_cache", HS, ONE_TWO, "Where sessions are kept."),
    later("ssl_session_tickets", HS, ONE, "Let clients keep sessions."),
    later("ssl_session_ticket_key", HS, ONE, "What such sessions are sealed with.", repeat=True),
    later("ssl_session_timeout", HS, ONE, "How long a session holds."),
    later("ssl_crl", HS, ONE, "Certificates that were revoked."),
    later("ssl_ocsp", HS, ONE, "Ask whether clients' certificates hold."),
    later("ssl_ocsp_responder", HS, ONE, "Whom to ask."),
    later("ssl_ocsp_cache", HS, ONE, "Where those answers are kept."),
    later("ssl_stapling", HS, ONE, "Send an answer about our own certificate."),
    later("ssl_stapling_file", HS, ONE, "Where that answer is."),
    later("ssl_stapling_responder", HS, ONE, "Whom to ask for it."),
    later("ssl_stapling_verify", HS, ONE, "Check it first."),
    later("ssl_early_data", HS, ONE, "Take requests before the handshake is done."),
    later("ssl_conf_command", HS, TWO, "Any option of OpenSSL.", repeat=True),
    later("ssl_reject_handshake", HS, ONE, "Refuse every handshake."),
)
