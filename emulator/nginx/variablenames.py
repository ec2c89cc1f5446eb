"""The names of nginx's own variables: what a configuration may use without defining it."""

from __future__ import annotations

_FIXED = """
    binary_remote_addr body_bytes_sent bytes_sent connection connection_requests connection_time
    content_length content_type date_gmt date_local document_root document_uri host hostname http_cookie
    http_host http_referer http_user_agent http_via http_x_forwarded_for https is_args is_request_port msec
    nginx_version pid pipe proxy_protocol_addr proxy_protocol_port proxy_protocol_server_addr
    proxy_protocol_server_port query_string realpath_root remote_addr remote_port remote_user request
    request_body request_body_file request_completion request_filename request_id request_length
    request_method request_port request_time request_uri scheme sent_http_cache_control
    sent_http_connection sent_http_content_length sent_http_content_type sent_http_keep_alive
    sent_http_last_modified sent_http_link sent_http_location sent_http_transfer_encoding server_addr
    server_name server_port server_protocol status tcpinfo_rcv_space tcpinfo_rtt tcpinfo_rttvar
    tcpinfo_snd_cwnd time_iso8601 time_local uri

    connections_active connections_reading connections_waiting connections_writing fastcgi_path_info
    fastcgi_script_name gzip_ratio http2 http3 limit_conn_status limit_req_status
    proxy_add_x_forwarded_for proxy_internal_body_length proxy_internal_chunked realip_remote_addr
    realip_remote_port secure_link secure_link_expires upstream_addr upstream_bytes_received
    upstream_bytes_sent upstream_cache_etag upstream_cache_last_modified upstream_cache_status
    upstream_connect_time upstream_header_time upstream_response_length upstream_response_time
    upstream_status
"""
_CHANGEABLE = """
    ancient_browser args invalid_referer limit_rate memcached_key modern_browser msie proxy_host
    proxy_internal_host proxy_port slice_range ssl_alpn_protocol ssl_cipher ssl_ciphers ssl_client_cert
    ssl_client_escaped_cert ssl_client_fingerprint ssl_client_i_dn ssl_client_i_dn_legacy
    ssl_client_raw_cert ssl_client_s_dn ssl_client_s_dn_legacy ssl_client_serial ssl_client_sigalg
    ssl_client_v_end ssl_client_v_remain ssl_client_v_start ssl_client_verify ssl_curve ssl_curves
    ssl_early_data ssl_ech_outer_server_name ssl_ech_status ssl_protocol ssl_server_name ssl_session_id
    ssl_session_reused ssl_sigalg ssl_sigalgs uid_got uid_reset uid_set
"""

FIXED = frozenset(_FIXED.split())
CHANGEABLE = frozenset(_CHANGEABLE.split())
PREFIXES = (
    *("arg_", "cookie_", "http_", "proxy_protocol_tlv_", "sent_http_", "sent_trailer_"),
    *("upstream_cookie_", "upstream_http_", "upstream_trailer_"),
)


def is_known(name: str) -> bool:
    """Whether nginx itself defines a variable; the case of its name does not matter."""
    name = name.lower()
    return name in FIXED or name in CHANGEABLE or name.startswith(PREFIXES)
