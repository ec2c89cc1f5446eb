"""What the official nginx image has in /etc/nginx: the facts of its files in our own layout."""

from __future__ import annotations

VERSION = "1.31.3"
PREFIX = "/etc/nginx"
CONF = f"{PREFIX}/nginx.conf"
ERROR_LOG = "/var/log/nginx/error.log"
ACCESS_LOG = "/var/log/nginx/access.log"
PID = "/run/nginx.pid"
USERS = frozenset(("root", "nginx", "www-data", "nobody", "nogroup"))  # of those that a server may run as

NGINX_CONF = """\
user  nginx;
worker_processes  auto;

error_log  /var/log/nginx/error.log notice;
pid        /run/nginx.pid;

events {
    worker_connections  1024;
}

http {
    include       /etc/nginx/mime.types;
    default_type  application/octet-stream;

    log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';

    access_log  /var/log/nginx/access.log  main;

    sendfile           on;
    keepalive_timeout  65;

    include /etc/nginx/conf.d/*.conf;
}
"""

DEFAULT_CONF = """\
server {
    listen       80;
    server_name  localhost;

    location / {
        root   /usr/share/nginx/html;
        index  index.html index.htm;
    }

    error_page   500 502 503 504  /50x.html;
    location = /50x.html {
        root   /usr/share/nginx/html;
    }
}
"""
