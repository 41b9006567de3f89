"""What people have said of single pictures: another class, left out, tags. Kept in one file.

Start with `Corrections`, `Edit`, `Book`, `applied_to` and `import_table`; nothing is encoded anew.

    book = Book(Path("data/corrections"))  # core.corrections.book
    book.change("fruit_vector", ["apple/1.jpg"], Edit(label="pear", tagged=("blurred",)))
    print(book.of("fruit_vector").by_path, book.undo("fruit_vector").said)
"""
