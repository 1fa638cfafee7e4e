<?php

/**
 * The response script of every step that sends to Seamline: what its answer means for the step and for the flow.
 *
 * 0 continue; 1 fail the step and try it again; 2 fail the flow and queue a retry; 3 fail the flow for good.
 * A 401 is left to Patchworks, which logs in again and repeats by itself.
 */
function handle($data)
{
    $status = (int) ($data['response']['status'] ?? 0);
    $answer = json_decode((string) ($data['response']['body'] ?? ''), true);
    $error = is_array($answer) ? ($answer['error'] ?? []) : [];
    $retry = is_array($error) ? ($error['retry'] ?? '') : '';

    if ($status === 401) {
        return $data;
    }
    if ($status >= 200 && $status <= 299) {
        $data['response_code'] = 0;
    } elseif ($retry === 'never') {
        $data['response_code'] = 3;
    } elseif ($status === 429 || $status === 503) {
        $data['response_code'] = 2;
    } else {
        $data['response_code'] = 1;
    }
    if ($data['response_code'] !== 0) {
        $data['message'] = 'Seamline: HTTP ' . $status . ' ' . ($error['code'] ?? 'no answer');
    }

    return $data;
}
