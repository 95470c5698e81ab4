"""How the desk writes dates: as the site does (onepiece_market/jinja.py)."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i"
