"""Faces and marks, small, as lists show them."""

from functools import lru_cache
from typing import Any

from django.templatetags.static import static
from markupsafe import Markup

from characters.drawing import Part, references
from characters.emblems import emblem
from characters.faces import face, face_of_stranger


def avatar(who: Any, look: str = "") -> Markup:
    """Draw the small face of lists; look: a class of the style sheet."""
    svg = f'<svg class="face {look}" width="40" height="40" viewBox="6 0 88 88" aria-hidden="true" focusable="false">'
    return Markup(f"{svg}{small_face(who)}</svg>")  # noqa: S704  our own drawings


def small_face(who: Any) -> Markup:
    """Draw a character (anything with name and crew_name) or, by a name alone, somebody who is none."""
    return _stranger(who) if isinstance(who, str) else _character(who.name, who.crew_name or "")


@lru_cache(maxsize=4096)
def _character(name: str, crew: str) -> Markup:
    return references(static, face(name, crew))


@lru_cache(maxsize=1024)
def _stranger(name: str) -> Markup:
    return references(static, face_of_stranger(name))


@lru_cache(maxsize=1024)
def small_mark(crew: str) -> Markup:
    """Draw the mark of a crew."""
    return references(static, emblem(crew))


def draw(*parts: Part | str) -> Markup:
    """Draw parts of the sprites, in their order."""
    return references(static, (Part(part) if isinstance(part, str) else part for part in parts))
