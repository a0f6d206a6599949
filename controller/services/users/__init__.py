"""People who sign in: who they are, what they may do, and who looks after them."""

from controller.services.users.records import (
    NewUser,
    Profile,
    UserPage,
    UserQuery,
    UserRecord,
    UserSession,
    UserSpec,
)
from controller.services.users.service import Users, may_change

__all__ = [
    "NewUser",
    "Profile",
    "UserPage",
    "UserQuery",
    "UserRecord",
    "UserSession",
    "UserSpec",
    "Users",
    "may_change",
]
