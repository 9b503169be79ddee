"""Select public-domain children's books from a git snapshot and clean them to plain ASCII text.

Reads a (bare or normal) clone of a collection of books in Markdown, one file per book under
`AUTHOR/`, each with a `# Title:` and a `## Year:` line and a dashed line before the text. Writes

    corpus.txt    the first 98 % of the paragraphs of every book, one paragraph a line
    heldout.txt   the last 2 % of every book, for the held-out loss
    SOURCES.tsv   title, author, year and size of every book that was used

Only books first published before 1929 are taken: they are in the public domain in the United
States. Check your own country before you pass the text on.
"""

import argparse
import pathlib
import re
import subprocess
from typing import List, NamedTuple, Optional

AUTHORS = [
    "The Brothers Grimm", "Hans Christian Andersen", "Beatrix Potter", "Lewis Carroll",
    "L. Frank Baum", "Edith Nesbit", "Carlo Collodi", "George MacDonald", "Hugh Lofting",
    "Kenneth Grahame", "J. M. Barrie", "Anna Sewell", "Johanna Spyri",
    "Frances Hodgson Burnett", "Oscar Wilde", "Rudyard Kipling", "Louisa May Alcott",
    "Lucy Maud Montgomery", "Robert Louis Stevenson", "Mark Twain",
]

# Books of these authors that are not for children, or too far from the rest in tone.
NOT_FOR_CHILDREN = [
    "Hospital Sketches", "An Ideal Husband", "Importance of Being", "Picture of Dorian",
    "Lady of Quality", "A Lady", "Phantastes", "Kim.md", "With the Night", "As Easy as",
    "The Man Who", "Jekyll", "Body Snatcher", "Body-Snatcher", "Innocents Abroad", "Roughing",
    "Life on the", "Connecticut", "Abbot", "Chessmen", "Captains", "Canterville",
]

FIRST_PROTECTED_YEAR = 1929
TRAINING_SHARE = 0.98

PLAIN_PUNCTUATION = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"',
    "\u2014": "--", "\u2013": "-", "\u00a0": " ", "\u2026": "...",
})
MARKDOWN_SIGNS = re.compile(r"[_*#>|\[\]]")
EDITORIAL = re.compile(r"Gutenberg|Illustration|http|ISBN|Transcriber")


class Book(NamedTuple):
    """One cleaned book."""

    title: str
    author: str
    year: int
    paragraphs: List[str]


def main() -> None:
    arguments = parse_arguments()
    out: pathlib.Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)

    commit = git(arguments.git_dir, "rev-parse", "HEAD").decode().strip()
    books = []
    for path in wanted_paths(arguments.git_dir):
        markdown = git(arguments.git_dir, "show", f"HEAD:{path}").decode("utf8", "replace")
        book = clean_book(path, markdown)
        if book is not None:
            books.append(book)

    training, held_out = [], []
    for book in books:
        cut = int(len(book.paragraphs) * TRAINING_SHARE)
        training.append("\n".join(book.paragraphs[:cut]))
        held_out.append("\n".join(book.paragraphs[cut:]))
    (out / "corpus.txt").write_text("\n\n".join(training))
    (out / "heldout.txt").write_text("\n\n".join(held_out))
    (out / "SOURCES.tsv").write_text(sources_table(books, arguments.collection, commit))

    characters = sum(size_of(book) for book in books)
    print(f"{len(books)} books, {characters} characters")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--git-dir", required=True, help="the collection's .git folder")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder for the results")
    parser.add_argument(
        "--collection",
        default="mlschmitt/classic-books-markdown",
        help="name of the collection, for SOURCES.tsv",
    )
    return parser.parse_args()


def git(git_dir: str, *arguments: str) -> bytes:
    """Output of one git command; a failure ends the run."""
    command = ["git", f"--git-dir={git_dir}", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def wanted_paths(git_dir: str) -> List[str]:
    """Paths of the books to use, sorted, so that the corpus has one order."""
    listing = git(git_dir, "ls-tree", "-r", "-z", "--name-only", "HEAD").decode()
    folders = tuple(f"{author}/" for author in AUTHORS)
    return sorted(
        path
        for path in listing.split("\0")
        if path.startswith(folders)
        and path.endswith(".md")
        and not any(part in path for part in NOT_FOR_CHILDREN)
    )


def clean_book(path: str, markdown: str) -> Optional[Book]:
    """The book as plain paragraphs, or None if it is too young."""
    title = re.search(r"^# Title:\s*(.*)", markdown, re.MULTILINE)
    year_line = re.search(r"^## Year:\s*(\d{4})", markdown, re.MULTILINE)
    year = int(year_line.group(1)) if year_line else 0
    if year >= FIRST_PROTECTED_YEAR:
        return None

    body = markdown.split("-------", 1)[-1].translate(PLAIN_PUNCTUATION)
    paragraphs = []
    for block in re.split(r"\n\s*\n", body):
        paragraph = re.sub(r"\s+", " ", MARKDOWN_SIGNS.sub(" ", block)).strip()
        if is_prose(paragraph):
            paragraphs.append(paragraph.encode("ascii", "ignore").decode())
    return Book(
        title=title.group(1).strip() if title else path,
        author=path.split("/")[0],
        year=year,
        paragraphs=paragraphs,
    )


def is_prose(paragraph: str) -> bool:
    """Whether it is the author's text: no rule, no heading in capitals, no note of an editor."""
    has_lower_case = re.search(r"[a-z]", paragraph) is not None
    return len(paragraph) >= 3 and has_lower_case and EDITORIAL.search(paragraph) is None


def size_of(book: Book) -> int:
    """Characters of the cleaned text."""
    return len("\n".join(book.paragraphs))


def sources_table(books: List[Book], collection: str, commit: str) -> str:
    """SOURCES.tsv as text."""
    lines = [
        f"# texts from a public collection of public-domain books ({collection} at {commit})",
        "title\tauthor\tyear\tcharacters",
    ]
    lines += [f"{book.title}\t{book.author}\t{book.year}\t{size_of(book)}" for book in books]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
