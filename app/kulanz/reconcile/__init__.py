"""Reconciliation: finds and repairs drift between our records and the provider's, for webhooks that got lost."""

from __future__ import annotations

from kulanz.reconcile.drift import Drift, DriftKind
from kulanz.reconcile.imports import Import, import_store
from kulanz.reconcile.run import ReconcileReport, Window, reconcile

__all__ = ["Drift", "DriftKind", "Import", "ReconcileReport", "Window", "import_store", "reconcile"]
