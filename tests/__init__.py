"""Tests mirror the rooms of `emulator`; `oracle` compares with the real nginx, `e2e` follows the article."""
