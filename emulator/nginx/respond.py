"""What nginx says when nobody else does: status texts, its own error pages (ngx_http_special_response.c)."""

from __future__ import annotations

VERSION = b"1.31.3"
SERVER = b"nginx/" + VERSION

STATUS_TEXTS: dict[int, bytes] = {
    200: b"200 OK",
    201: b"201 Created",
    202: b"202 Accepted",
    204: b"204 No Content",
    206: b"206 Partial Content",
    301: b"301 Moved Permanently",
    302: b"302 Moved Temporarily",
    303: b"303 See Other",
    304: b"304 Not Modified",
    307: b"307 Temporary Redirect",
    308: b"308 Permanent Redirect",
    400: b"400 Bad Request",
    401: b"401 Unauthorized",
    402: b"402 Payment Required",
    403: b"403 Forbidden",
    404: b"404 Not Found",
    405: b"405 Not Allowed",
    406: b"406 Not Acceptable",
    408: b"408 Request Time-out",
    409: b"409 Conflict",
    410: b"410 Gone",
    411: b"411 Length Required",
    412: b"412 Precondition Failed",
    413: b"413 Request Entity Too Large",
    414: b"414 Request-URI Too Large",
    415: b"415 Unsupported Media Type",
    416: b"416 Requested Range Not Satisfiable",
    421: b"421 Misdirected Request",
    429: b"429 Too Many Requests",
    500: b"500 Internal Server Error",
    501: b"501 Not Implemented",
    502: b"502 Bad Gateway",
    503: b"503 Service Temporarily Unavailable",
    504: b"504 Gateway Time-out",
    505: b"505 HTTP Version Not Supported",
    507: b"507 Insufficient Storage",
}

# pages whose title is not the status text, or whose status is nginx's own
_TITLES: dict[int, bytes] = {
    **{
        status: text
        for status, text in STATUS_TEXTS.items()
        if status >= 300 and status not in (304, 402, 406, 411, 422)
    },
    302: b"302 Found",
    401: b"401 Authorization Required",
    402: b"402 Payment Required",
    406: b"406 Not Acceptable",
    411: b"411 Length Required",
    494: b"400 Request Header Or Cookie Too Large",
    495: b"400 The SSL certificate error",
    496: b"400 No required SSL certificate was sent",
    497: b"400 The plain HTTP request was sent to HTTPS port",
}

_DETAILS: dict[int, bytes] = {
    494: b"Request Header Or Cookie Too Large",
    495: b"The SSL certificate error",
    496: b"No required SSL certificate was sent",
    497: b"The plain HTTP request was sent to HTTPS port",
}

# statuses that the client sees as another one
ON_THE_WIRE: dict[int, int] = {494: 400, 495: 400, 496: 400, 497: 400, 498: 404}

_PADDING = b"<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n" * 6


def _page(status: int, signature: bytes) -> bytes:
    title = _TITLES[status]
    detail = _DETAILS.get(status)
    body = b"<html>\r\n<head><title>%b</title></head>\r\n<body>\r\n<center><h1>%b</h1></center>\r\n" % (
        title,
        b"400 Bad Request" if detail else title,
    )
    if detail:
        body += b"<center>%b</center>\r\n" % detail
    return body + b"<hr><center>%b</center>\r\n</body>\r\n</html>\r\n" % signature


PAGES: dict[int, bytes] = {status: _page(status, SERVER) for status in _TITLES}
PAGES_WITHOUT_VERSION: dict[int, bytes] = {status: _page(status, b"nginx") for status in _TITLES}


def page(status: int, server_tokens: bool, msie: bool) -> bytes | None:
    """nginx's own page for a status; None where it has none. Old browsers get theirs padded to 512 octets."""
    body = (PAGES if server_tokens else PAGES_WITHOUT_VERSION).get(status)
    if body is not None and msie and status >= 400:
        return body + _PADDING
    return body
