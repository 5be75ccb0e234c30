"""Faults of scoring, of bundles and of the service, and the tests that put each of them there for real.

Run those of some faults, skipped ones with their reason (a small disk needs root, other tests a real cohort):

    pytest -q $(python tests/test_fault_table.py 27 31)

    25 a scored patient was in the training set
        score/test_job.py::test_patients_of_the_training_set_are_flagged_and_counted
    26 a sample far from the training data
        models/test_reference.py::test_a_sample_is_flagged_where_and_only_where_its_p_value_is_small
        models/test_reference.py::test_a_sample_under_the_configurations_level_is_flagged_and_not_answered
    27 kill -9 while scoring
        score/test_job.py::test_eight_random_kills_lose_nothing
        score/test_job.py::test_a_command_that_is_ended_goes_on_when_it_is_given_again
        score/test_job.py::test_a_kill_around_the_moment_the_result_takes_its_name_is_mended
        service/test_workers.py::test_another_worker_finishes_the_job_of_a_killed_one_to_the_same_bytes
        service/test_watching.py::test_two_watchers_that_are_killed_and_started_again_hand_each_file_over_once
    28 input rewritten in another block layout before resume
        score/test_rewritten_input.py::test_a_table_written_anew_with_other_row_groups_and_another_order_is_gone_on_with
        score/test_job.py::test_an_input_in_another_order_is_still_right
        score/test_job.py::test_a_sample_that_changed_meanwhile_is_scored_again_and_one_that_left_is_not_there
    29 resume with another model or other options
        score/test_job.py::test_work_of_another_model_is_refused_with_what_differs_and_the_ways_out
        service/test_workers.py::test_a_job_keeps_the_version_that_it_started_with_also_across_a_workers_death
        service/test_faults.py::test_a_job_that_other_code_began_is_begun_anew_and_not_mixed
    31 disk full, no permission
        score/test_stream.py::test_a_disk_that_fills_up_keeps_the_work_and_nothing_half_written_has_the_final_name
        score/test_stream.py::test_a_full_disk_keeps_the_scores_that_were_to_be_replaced
        score/test_job.py::test_a_folder_that_may_not_be_written_to_is_named
        data/test_store_faults.py::test_a_full_disk_leaves_nothing
        service/test_faults.py::test_an_upload_to_a_full_disk_is_told_507_leaves_nothing_and_goes_through_when_there_is_room
        service/test_faults.py::test_a_job_on_a_full_disk_is_put_off_and_done_when_there_is_room
        service/test_faults.py::test_a_data_folder_that_may_not_be_written_to_ends_the_command_in_a_sentence
    32 one bad row among many
        score/test_table_stream.py::test_a_bad_row_is_set_aside_and_the_rest_is_scored
        cli/test_verbs.py::test_score_exits_1_when_rows_were_set_aside_and_2_when_all_were
    33 two jobs on one output folder, stale lock of a dead process
        score/test_job.py::test_a_folder_that_another_process_works_in_is_refused_with_its_number
        score/test_job.py::test_two_jobs_of_one_process_do_not_share_a_folder_either
    34 output exists
        cli/test_refusals.py::test_an_output_that_exists_is_refused
        score/test_job.py::test_a_result_that_stands_is_refused_and_a_copy_of_its_work_folder_is_no_key_to_it
        score/test_stream.py::test_scores_that_stand_there_are_replaced_only_when_asked
    36 input larger than memory
        jobs/test_benchmark_score.py::test_four_times_the_samples_take_no_more_memory
        score/test_table_stream.py::test_a_table_scores_the_same_some_rows_at_a_time_as_whole
    37 tracking server down, database locked
        tracking/test_faults.py::test_scoring_with_a_bundle_folder_never_touches_mlflow
        tracking/test_faults.py::test_a_server_that_is_down_is_told_at_once
        tracking/test_faults.py::test_a_database_that_another_process_holds_is_told
        tracking/test_run.py::test_a_server_that_is_down_does_not_stop_training
        tracking/test_run.py::test_a_locked_database_does_not_stop_training
        service/test_faults.py::test_who_submits_while_another_process_holds_the_database_waits_and_is_served
    38 pickle anywhere in a model
        models/test_bundle.py::test_no_file_is_a_pickle
        models/test_no_pickle_is_read.py::test_a_pickle_in_the_place_of_any_file_is_never_run
        tracking/test_faults.py::test_nothing_that_is_published_is_a_pickle
    39 weights, graph or schema altered after training
        models/test_bundle.py::test_one_flipped_bit_in_any_file_is_named
        jobs/test_score.py::test_an_altered_bundle_scores_nothing
        tracking/test_faults.py::test_a_published_file_that_was_altered_is_refused_by_every_reader
    40 bundle of a newer format
        models/test_bundle.py::test_a_newer_format_names_the_version_that_wrote_it
        models/test_bundle.py::test_a_bundle_of_the_time_before_conformal_sets_names_the_version_that_reads_it
        tracking/test_faults.py::test_a_bundle_of_a_newer_format_names_the_version_that_reads_it
    41 ../ or absolute path in an id, a config, an archive member
        score/test_table_stream.py::test_an_id_never_names_a_file
        config/test_load.py::test_a_name_that_could_leave_its_folder_is_refused
        transfer/test_unpack.py::test_a_name_that_no_file_below_the_folder_has_is_refused
        service/test_api.py::test_a_path_that_leads_out_of_the_roots_is_refused_like_one_that_does_not_exist
        service/test_workers.py::test_a_link_put_in_place_after_submission_is_not_followed
    42 zip bomb, request over the limit, slow client
        service/test_api.py::test_a_zip_bomb_and_a_gzip_bomb_are_refused_and_leave_nothing
        service/test_api.py::test_an_upload_over_the_limit_is_refused_announced_or_not
        service/test_api.py::test_a_client_that_sends_its_body_drop_by_drop_is_told_408_and_the_rest_go_on
        service/test_api.py::test_a_client_that_never_ends_its_headers_is_told_408
        transfer/test_unpack.py::test_a_zip_bomb_is_stopped_by_what_it_says_or_by_what_it_does
    43 service asked to listen beyond loopback without a token
        service/test_safety.py::test_others_may_not_even_listen_without_a_token_that_opens
        service/test_safety.py::test_the_verb_refuses_to_listen_beyond_loopback
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

TESTS = Path(__file__).parent
FAULTS = {*range(25, 30), *range(31, 35), *range(36, 44)}


def table() -> dict[int, list[str]]:
    """Tests of each fault, as pytest names them below this folder."""
    found: dict[int, list[str]] = {}
    fault = 0
    for line in (__doc__ or "").splitlines():
        if number := re.match(r" {4}(\d+) ", line):
            fault = int(number[1])
        elif "::" in line:
            found.setdefault(fault, []).append(line.strip())
    return found


def names_in(path: Path) -> set[str]:
    """Names of a file's tests."""
    return {each.name for each in ast.parse(path.read_text()).body if isinstance(each, ast.FunctionDef)}


def test_every_fault_has_a_test_and_every_named_test_exists() -> None:
    told = table()
    assert set(told) == FAULTS
    for name in (name for names in told.values() for name in names):
        path, _, test = name.partition("::")
        assert test in names_in(TESTS / path), name


if __name__ == "__main__":
    asked = [int(word) for word in sys.argv[1:]] or sorted(FAULTS)
    print(*(TESTS.name + "/" + name for fault in asked for name in table()[fault]))
