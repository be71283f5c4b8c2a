"""A classifier in other formats than its own, each proved against it before it is kept.

One file a format; others call `export_onnx` and `export_transformers`.
"""
