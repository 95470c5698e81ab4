"""What the peer's templates write: numbers and faces as the site does, and the pieces that every row has."""

from decimal import Decimal
from functools import lru_cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from characters import faces
from characters.drawing import references
from characters.models import Character
from onepiece_market.figures import money, percent, short, whole

register = template.Library()
for write in (money, short, whole):
    register.filter(write.__name__, write)


@register.simple_tag
def face(character: Character) -> str:
    """Draw a character."""
    return _face(character.name, character.crew.name if character.crew else "")


@register.simple_tag
def bounty(amount: int | None) -> SafeString:
    """Write a bounty, known or not."""
    if amount is None:
        return mark_safe('<span class="muted">unknown</span>')
    if amount == 0:
        return mark_safe('<span class="muted">no bounty</span>')
    return format_html('<data class="num" value="{}">฿{}</data>', amount, whole(amount))


@register.simple_tag
def change(weekly: float | Decimal | None) -> SafeString:
    """Write a change in per cent with its arrow."""
    if weekly is None:
        return mark_safe('<span class="muted">–</span>')
    text = percent(float(weekly))
    if (size := text.lstrip("+−-")).startswith("0.0"):
        return format_html('<span class="change flat">– {}</span>', size)
    way, arrow = ("up", "▲") if weekly > 0 else ("down", "▼")
    return format_html('<span class="change {}"><span aria-hidden="true">{}</span> {}</span>', way, arrow, text)


@lru_cache(maxsize=4096)
def _face(name: str, crew: str) -> str:
    return references(static, faces.face(name, crew))
