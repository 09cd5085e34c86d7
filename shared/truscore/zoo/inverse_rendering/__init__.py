"""One object's surface and reflectance by rendering them again until that looks as the views do.

Knows arrays of samples and lights; knows no dataset, run or file.
"""

from truscore.zoo.inverse_rendering.fit import FitSettings, FittedObject, FitUnfinished, fit_object
from truscore.zoo.inverse_rendering.observed import InvalidObservation, Observed

__all__ = ["FitSettings", "FitUnfinished", "FittedObject", "InvalidObservation", "Observed", "fit_object"]
