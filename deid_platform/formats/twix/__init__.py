"""Siemens raw data ("twix", .dat) of the software lines VB, VD/VE and XA."""
