"""Whole modules of nginx that the emulator refuses, each with the reason that its user reads."""

from __future__ import annotations

from emulator.nginx.directives import Context, Directive
from emulator.nginx.rows import (
    HS,
    HSL,
    LI,
    NONE,
    ONE,
    ONE_THREE,
    ONE_TWO,
    TWO,
    H,
    L,
    M,
    X,
    refused,
)

_ONE_OR_THREE = frozenset((1, 3))
_TWO_THREE = frozenset((2, 3))

_HTTP3 = "HTTP/3 needs UDP and TLS, and the emulator speaks HTTP/1.1"
_MEDIA = "media streaming is not part of what a Flask application needs"
_OLD = "it rewrites pages for the browsers or the sites of another time"
_FILES = "files are changed by the application, not by its front"


def _with_block(rows: tuple[Directive, ...]) -> tuple[Directive, ...]:
    return tuple(row._replace(block=Context.MAP) for row in rows)


GROUPS: tuple[tuple[str, tuple[Directive, ...]], ...] = (
    (
        "ngx_mail_core_module",
        _with_block(refused("mail is not HTTP", M, (("mail", None, NONE, "A proxy for mail."),))),
    ),
    (
        "ngx_stream_core_module",
        _with_block(
            refused("only HTTP is proxied", M, (("stream", None, NONE, "A proxy for TCP and UDP."),))
        ),
    ),
    (
        "ngx_http_v3_module",
        refused(
            _HTTP3,
            HS,
            (
                ("http3", None, ONE, "Speak HTTP/3."),
                ("http3_hq", None, ONE, "Speak HTTP/0.9 over QUIC."),
                ("http3_max_concurrent_streams", None, ONE, "How many requests at once."),
                ("http3_stream_buffer_size", None, ONE, "A buffer."),
                ("quic_retry", None, ONE, "Check addresses first."),
                ("quic_gso", None, ONE, "Send several packets at once."),
                ("quic_host_key", None, ONE, "What tokens are sealed with."),
                ("quic_active_connection_id_limit", None, ONE, "How many names a connection may have."),
                ("quic_bpf", M, ONE, "Let the kernel sort packets."),
            ),
        ),
    ),
    (
        "ngx_http_ssi_filter_module",
        refused(
            "pages are made by the application's templates",
            HSL,
            (
                ("ssi", HSL | LI, ONE, "Act on commands inside pages."),
                ("ssi_silent_errors", None, ONE, "Say nothing of errors."),
                ("ssi_ignore_recycled_buffers", None, ONE, "A matter of buffers."),
                ("ssi_min_file_chunk", None, ONE, "A matter of buffers."),
                ("ssi_value_length", None, ONE, "The longest value."),
                ("ssi_types", None, None, "Content types to look into."),
                ("ssi_last_modified", None, ONE, "Keep Last-Modified."),
            ),
        ),
    ),
    (
        "ngx_http_addition_module",
        refused(
            "pages are made by the application's templates",
            HSL,
            (
                ("add_before_body", None, ONE, "A page before the page."),
                ("add_after_body", None, ONE, "A page after the page."),
                ("addition_types", None, None, "Content types to add to."),
            ),
        ),
    ),
    (
        "ngx_http_mirror_module",
        refused(
            "there is no second place to send copies to",
            HSL,
            (
                ("mirror", None, ONE, "Send a copy of requests elsewhere."),
                ("mirror_request_body", None, ONE, "With their bodies."),
            ),
        ),
    ),
    (
        "ngx_http_slice_module",
        refused("it serves a cache, and nothing is cached", HSL, (("slice", None, ONE, "Ask for ranges."),)),
    ),
    (
        "ngx_http_secure_link_module",
        refused(
            "signed links are checked by the application",
            HSL,
            (
                ("secure_link", None, ONE, "Check a link's signature."),
                ("secure_link_md5", None, ONE, "What is signed."),
                ("secure_link_secret", None, ONE, "The secret."),
            ),
        ),
    ),
    (
        "ngx_http_userid_filter_module",
        refused(
            "sessions are the application's",
            HSL,
            (
                ("userid", None, ONE, "Give clients a cookie."),
                ("userid_service", None, ONE, "A part of it."),
                ("userid_name", None, ONE, "Its name."),
                ("userid_domain", None, ONE, "Its domain."),
                ("userid_path", None, ONE, "Its path."),
                ("userid_expires", None, ONE, "How long it holds."),
                ("userid_flags", None, ONE_THREE, "Its flags."),
                ("userid_p3p", None, ONE, "A field for old browsers."),
                ("userid_mark", None, ONE, "A mark in it."),
            ),
        ),
    ),
    (
        "ngx_http_split_clients_module",
        _with_block(
            refused(
                "experiments are the application's",
                H,
                (("split_clients", None, TWO, "A variable by shares."),),
            )
        ),
    ),
    (
        "ngx_http_random_index_module",
        refused("an answer by chance cannot be tested", L, (("random_index", None, ONE, "Any file."),)),
    ),
    (
        "ngx_http_gunzip_module",
        refused(
            "every client of today takes gzip",
            HSL,
            (
                ("gunzip", None, ONE, "Unpack answers for clients without gzip."),
                ("gunzip_buffers", None, TWO, "Buffers for it."),
            ),
        ),
    ),
    ("ngx_http_empty_gif_module", refused(_OLD, L, (("empty_gif", None, NONE, "A transparent dot."),))),
    (
        "ngx_http_browser_module",
        refused(
            _OLD,
            HSL,
            (
                ("modern_browser", None, ONE_TWO, "Which browsers are modern."),
                ("ancient_browser", None, None, "Which are not."),
                ("modern_browser_value", None, ONE, "A variable's value for these."),
                ("ancient_browser_value", None, ONE, "A variable's value for those."),
            ),
        ),
    ),
    (
        "ngx_http_dav_module",
        refused(
            _FILES,
            HSL,
            (
                ("dav_methods", None, None, "Methods that change files."),
                ("create_full_put_path", None, ONE, "Make folders on the way."),
                ("min_delete_depth", None, ONE, "How deep a path must be to be deleted."),
                ("dav_access", None, ONE_THREE, "The rights of new files."),
            ),
        ),
    ),
    ("ngx_http_flv_module", refused(_MEDIA, L, (("flv", None, NONE, "Start a video in its middle."),))),
    (
        "ngx_http_mp4_module",
        refused(
            _MEDIA,
            HSL,
            (
                ("mp4", L, NONE, "Start a video in its middle."),
                ("mp4_buffer_size", None, ONE, "A buffer for it."),
                ("mp4_max_buffer_size", None, ONE, "The largest buffer for it."),
                ("mp4_start_key_frame", None, ONE, "Start at a whole picture."),
            ),
        ),
    ),
    (
        "ngx_http_image_filter_module",
        refused(
            "pictures are changed by the application",
            HSL,
            (
                ("image_filter", None, ONE_THREE, "Change the size of pictures."),
                ("image_filter_jpeg_quality", None, ONE, "The quality of a picture."),
                ("image_filter_webp_quality", None, ONE, "The quality of a picture."),
                ("image_filter_sharpen", None, ONE, "The sharpness of a picture."),
                ("image_filter_transparency", None, ONE, "Keep what is transparent."),
                ("image_filter_interlace", None, ONE, "Send coarse pictures first."),
                ("image_filter_buffer", None, ONE, "The largest picture."),
            ),
        ),
    ),
    (
        "ngx_http_xslt_filter_module",
        refused(
            "pages are made by the application's templates",
            HSL,
            (
                ("xml_entities", None, ONE, "A file of entities."),
                ("xslt_stylesheet", L, None, "The template for XML."),
                ("xslt_param", None, TWO, "A parameter for it."),
                ("xslt_string_param", None, TWO, "A parameter for it."),
                ("xslt_types", None, None, "Content types to transform."),
                ("xslt_last_modified", None, ONE, "Keep Last-Modified."),
            ),
        ),
    ),
    (
        "ngx_http_perl_module",
        refused(
            "there is no Perl inside the emulator",
            H,
            (
                ("perl_modules", None, ONE, "Where modules are."),
                ("perl_require", None, ONE, "Modules to load."),
                ("perl", L | X, ONE, "A handler."),
                ("perl_set", None, TWO, "A variable."),
            ),
        ),
    ),
    (
        "ngx_http_geoip_module",
        refused(
            "every client is on this machine",
            H,
            (
                ("geoip_country", None, ONE_TWO, "A table of countries."),
                ("geoip_org", None, ONE_TWO, "A table of organisations."),
                ("geoip_city", None, ONE_TWO, "A table of cities."),
                ("geoip_proxy", None, ONE, "Proxies to believe."),
                ("geoip_proxy_recursive", None, ONE, "Skip all proxies that are believed."),
            ),
        ),
    ),
    (
        "ngx_http_js_module",
        refused(
            "there is no JavaScript inside the emulator",
            HSL,
            (
                ("js_engine", None, ONE, "The engine."),
                ("js_import", None, _ONE_OR_THREE, "A module."),
                ("js_path", None, ONE, "Where modules are."),
                ("js_set", None, _TWO_THREE, "A variable."),
                ("js_var", None, ONE_TWO, "A variable."),
                ("js_preload_object", None, _ONE_OR_THREE, "A constant."),
                ("js_access", L | LI | X, ONE, "A handler."),
                ("js_content", L | LI | X, ONE, "A handler."),
                ("js_header_filter", L | LI | X, ONE, "A filter."),
                ("js_body_filter", L | LI | X, ONE_TWO, "A filter."),
                ("js_shared_dict_zone", H, None, "A table for all workers."),
            ),
        ),
    ),
    (
        "ngx_http_degradation_module",
        refused(
            "the emulator never runs on a full machine",
            HSL,
            (
                ("degradation", H, ONE, "When memory is short."),
                ("degrade", None, ONE, "What to answer then."),
            ),
        ),
    ),
    (
        "ngx_google_perftools_module",
        refused(
            "there is no binary to profile", M, (("google_perftools_profiles", None, ONE, "A profile."),)
        ),
    ),
)
DIRECTIVES: tuple[Directive, ...] = tuple(row for _, rows in GROUPS for row in rows)
