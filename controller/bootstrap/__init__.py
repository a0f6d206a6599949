"""The one place that chooses implementations: settings in, wired services out."""

from controller.bootstrap.controller_process import ControllerProcess, run_controller
from controller.bootstrap.first_run import first_administrator, load_demo, simulated_world
from controller.bootstrap.foundations import RandomIds, SystemClock, database_url, engine
from controller.bootstrap.switches import retire_switch, switch_view
from controller.bootstrap.timed import (
    charge_what_is_due,
    expire_cards,
    expire_pending_movements,
    fold_call_sums,
    forget_old_call_sums,
    forget_old_sessions,
    make_partitions,
    verify_books,
    watch_low_balances,
)
from controller.bootstrap.web import phone_cards, web_secret, web_services

__all__ = [
    "ControllerProcess",
    "RandomIds",
    "SystemClock",
    "charge_what_is_due",
    "database_url",
    "engine",
    "expire_cards",
    "expire_pending_movements",
    "first_administrator",
    "fold_call_sums",
    "forget_old_call_sums",
    "forget_old_sessions",
    "load_demo",
    "make_partitions",
    "phone_cards",
    "retire_switch",
    "run_controller",
    "simulated_world",
    "switch_view",
    "verify_books",
    "watch_low_balances",
    "web_secret",
    "web_services",
]
