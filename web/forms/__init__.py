"""Forms: fields that explain themselves, and what was typed in them."""

from web.forms.fields import FormField, Group, Kind
from web.forms.form import Form

__all__ = ["Form", "FormField", "Group", "Kind"]
