"""What the visitor of a page may see of rates and prices."""

from controller.services.sign_in import Role
from controller.services.views.rates import OPERATOR, Viewer
from web.context import services, signed_in


def viewer() -> Viewer:
    """Administrators see everything, everybody else what belongs to their account."""
    visitor = signed_in()
    if visitor.role is Role.ADMINISTRATOR:
        return OPERATOR
    return services().rates.viewer(visitor.user_id)
