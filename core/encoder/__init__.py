"""Pictures -> embeddings: which weights, which precision, and what makes two embeddings comparable.

The only package that imports torch. Start with `find_checkpoint` (to index), `checkpoint_for` (to
query what is indexed), `Encoder` and `training_list`.

    checkpoint = find_checkpoint(load_settings())  # core.encoder.weights
    encoder = Encoder(checkpoint)  # core.encoder.encoder
    embeddings = encoder.encode([Image.new("RGB", (300, 200), "orange")])  # (1, D) float32
"""
