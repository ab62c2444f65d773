"""What Cost Explorer answers, subject by subject, and what is true of costs."""

from __future__ import annotations

from a360_pipeline.sandbox.services.ce import anomalies, commitments, forecast, truth, usage

ANSWERS = {**usage.ANSWERS, **forecast.ANSWERS, **anomalies.ANSWERS, **commitments.ANSWERS}

TRUTH = {**truth.TRUTH, **commitments.TRUTH}
