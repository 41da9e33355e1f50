"""Safetensors files: headers read and checked."""
