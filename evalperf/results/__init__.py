"""The crash-safe directory of a run: results, failures and the journal of calls, written once and read back."""

from evalperf.results.done import MOST_KEYS
from evalperf.results.embeddings import EmbeddingCall, EmbeddingCalls, EmbeddingsFor, read_embedding_calls
from evalperf.results.examination import Examination, Finding
from evalperf.results.examine import examine
from evalperf.results.frames import CallId
from evalperf.results.input_index import write_input_index
from evalperf.results.journal import Journal
from evalperf.results.layout import RunDirectory, create_run, find_run, list_runs, new_run_id
from evalperf.results.options import StoreOptions
from evalperf.results.reader import Damage, read_results, read_success
from evalperf.results.recovery import Recovered
from evalperf.results.rejected import Rejected, RejectedLine
from evalperf.results.run_info import FORMAT_VERSION, InputInfo, RunInfo, read_run_info, write_run_info
from evalperf.results.store import Store, open_store

__all__ = [
    "FORMAT_VERSION",
    "MOST_KEYS",
    "CallId",
    "Damage",
    "EmbeddingCall",
    "EmbeddingCalls",
    "EmbeddingsFor",
    "Examination",
    "Finding",
    "InputInfo",
    "Journal",
    "Recovered",
    "Rejected",
    "RejectedLine",
    "RunDirectory",
    "RunInfo",
    "Store",
    "StoreOptions",
    "create_run",
    "examine",
    "find_run",
    "list_runs",
    "new_run_id",
    "open_store",
    "read_embedding_calls",
    "read_results",
    "read_run_info",
    "read_success",
    "write_input_index",
    "write_run_info",
]
